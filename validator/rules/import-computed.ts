import { isMainQuestion, isRequireAlias } from '../imports.ts'
import type { Rule } from '../rule.ts'
import { isReference } from '../syntax.ts'

export const importComputed: Rule = {
  id: 'import-computed',
  severity: 'error',
  title: 'What a plugin loads can be read off its code.',
  hint: 'Write the specifier as a plain text, or bundle the modules and choose among them.',
  words: ['require'],
  *check(pkg) {
    for (const file of pkg.code) {
      for (const { specifier, by, offset } of file.imports) {
        if (specifier === undefined) yield { place: pkg.place(file.path, offset), message: `${by}() of something that is computed while running` }
      }
    }
  },
  visit: (file, say) => ({
    Identifier(node, ancestors) {
      if (node.name !== 'require' || !isReference(node, ancestors) || !isRequireAlias(node, ancestors)) return
      if (isMainQuestion(ancestors.at(-1), ancestors.at(-2))) return
      // In a module there is no require: bundlers leave a dead question for it behind.
      const severity = file.sourceType === 'module' ? 'warning' : 'error'
      say(node.start, 'require is used as a value: what it loads cannot be read off', { severity })
    },
  }),
}
