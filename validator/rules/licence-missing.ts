import type { Rule } from '../rule.ts'

export const licenceMissing: Rule = {
  id: 'licence-missing',
  severity: 'warning',
  title: 'A package carries the text of its licence.',
  hint: 'Add the licence that manifest.json names as a file LICENSE.',
  *check(pkg) {
    if (!pkg.files.some(({ path }) => /^(licen[cs]e|copying|unlicense)([.-][a-z0-9.-]+)?$/i.test(path))) {
      yield { message: `the package has no LICENSE file (manifest.json says ${pkg.manifest.license})` }
    }
  },
}
