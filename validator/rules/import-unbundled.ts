import type { Rule } from '../rule.ts'

export const importUnbundled: Rule = {
  id: 'import-unbundled',
  severity: 'error',
  title: 'A plugin brings its libraries bundled: nothing is installed for it.',
  hint: 'Bundle the library, e.g. `esbuild index.js --bundle --format=esm --platform=neutral --outfile=dist/index.mjs`.',
  *check(pkg) {
    for (const file of pkg.code) {
      for (const { specifier, target, offset } of file.imports) {
        if (target?.kind === 'bare') yield { place: pkg.place(file.path, offset), message: `import of the package "${specifier}", which is not there when the plugin runs` }
      }
    }
  },
}
