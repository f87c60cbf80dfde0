import type { Rule } from '../rule.ts'
import { globalName, memberName, parentOf } from '../syntax.ts'

/** What libraries ask to choose between their own builds. */
const USUAL = new Set(['NODE_ENV', 'NODE_DEBUG', 'DEBUG', 'NO_COLOR', 'FORCE_COLOR'])

export const environment: Rule = {
  id: 'environment',
  severity: 'warning',
  title: 'A plugin takes its settings from its config.',
  hint: 'Declare the setting in `config` of manifest.json and read host.config; the environment of the store is empty for plugins.',
  words: ['process'],
  visit: (_file, say) => ({
    MemberExpression(node, ancestors) {
      if (memberName(node) !== 'env' || globalName(node.object) !== 'process') return
      const parent = parentOf(ancestors)
      const name = parent?.type === 'MemberExpression' ? memberName(parent) : undefined
      if (name === undefined || !USUAL.has(name)) say(node.start, `process.env${name === undefined ? '' : `.${name}`} is read`)
    },
  }),
}
