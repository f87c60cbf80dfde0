import type { Rule } from '../rule.ts'

export const importMissing: Rule = {
  id: 'import-missing',
  severity: 'error',
  title: 'A relative import names a file of the package.',
  hint: 'Pack the file, or bundle everything into one.',
  *check(pkg) {
    for (const file of pkg.code) {
      for (const { specifier, target, offset } of file.imports) {
        if (target?.kind === 'missing') yield { place: pkg.place(file.path, offset), message: `import of "${specifier}": there is no ${target.path} in the package` }
      }
    }
  },
}
