import { mainPath } from '../reach.ts'
import type { Rule } from '../rule.ts'

export const mainMissing: Rule = {
  id: 'main-missing',
  severity: 'error',
  title: '`main` of manifest.json is a file of the package.',
  hint: 'Build before packing, and name the built file in `main`.',
  *check(pkg) {
    if (!pkg.has(mainPath(pkg))) yield { place: pkg.place('manifest.json'), message: `main names ${pkg.manifest.main}, which is not in the package` }
  },
}
