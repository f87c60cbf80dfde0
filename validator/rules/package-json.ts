import type { Rule } from '../rule.ts'

export const packageJson: Rule = {
  id: 'package-json',
  severity: 'error',
  title: 'package.json and manifest.json tell the same.',
  hint: 'Make manifest.json and package.json agree; the PDK does it with `pdk version`.',
  *check(pkg) {
    const { value, document, problem } = pkg.packageJson
    const { id, version, main } = pkg.manifest
    if (problem) yield { place: problem.place ?? pkg.place('package.json'), message: `package.json cannot be read: ${problem.message}`, hint: problem.hint }
    else if (!document) yield { message: 'the package has no package.json', severity: 'warning', hint: 'Pack with `npm pack`; its `type` decides how Node reads .js files.' }
    else {
      const { name, type } = value
      if (value['version'] !== version) yield { place: document.placeOf(['version']) ?? pkg.place('package.json'), message: `package.json says version ${shown(value['version'])}, manifest.json says ${version}` }
      if (typeof name !== 'string' || !isNameOf(name, id)) yield { place: document.placeOf(['name']) ?? pkg.place('package.json'), message: `package.json says name ${shown(name)}, manifest.json says id ${id}`, severity: 'warning' }
      if (type === undefined && main.endsWith('.js')) yield { place: pkg.place('package.json'), message: `package.json has no "type": how Node reads ${main} is a guess`, severity: 'warning', hint: 'Write "type": "module" or "commonjs" into package.json.' }
    }
  },
}

/** `stripe`, `@acme/stripe` and `@acme/catalyst-stripe` are names for the id `stripe`. */
function isNameOf(name: string, id: string): boolean {
  const last = name.slice(name.lastIndexOf('/') + 1)
  return last === id || last === `catalyst-${id}` || last === `catalyst-plugin-${id}`
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100)
}
