import type { Rule } from '../rule.ts'

export const link: Rule = {
  id: 'link',
  severity: 'error',
  title: 'A package holds plain files: no links, devices or other kinds.',
  hint: 'Pack the file itself.',
  *check(pkg) {
    for (const { path, mode } of pkg.files) {
      if (mode !== '100644' && mode !== '100755') yield { place: pkg.place(path), message: `${path} is ${mode === '120000' ? 'a link' : `no plain file (mode ${mode})`}` }
    }
  },
}
