import type { CodeFile } from './code-file.ts'
import { RULES } from './rules.ts'

/*
 * Making and walking a tree costs ten times as much as parsing alone. Most files need none: a rule that looks at trees
 * names the words without which it cannot be broken, and a text that has none of them, and none of the ways to spell
 * them otherwise, is clean without a look at its tree. A law in the tests: the findings are the same with every tree made.
 */

/** Letters by escape (`\u0065val`, `con\structor`, a line continued); escapes that stand for no letter are left out. */
const ESCAPED_LETTER = String.raw`\\[^nrtbfv\\'"\`$/.()[\]{}|*+?^-]`
/** Texts that are sums: `'con' + 'structor'`, also with parentheses and comments between. */
const SUM_OF_TEXTS = String.raw`['"\`][\s()]*(?:/[*/]|\+[\s()]*(?:['"\`]|/[*/]))|\+[\s()]*/[*/]`
/** Texts in templates: `${'structor'}`. */
const TEXT_IN_TEMPLATE = String.raw`\$\{[\s(]*(?:['"\`]|/[*/])`
/** `export {} from 'x'` loads x; the parser's list of imports has no entry for it. */
const EMPTY_EXPORT = String.raw`\bexport\s*(?:/|\{\s*[}/])`

const SPELLED_OTHERWISE = new RegExp([ESCAPED_LETTER, SUM_OF_TEXTS, TEXT_IN_TEMPLATE, EMPTY_EXPORT].join('|'))
const WORDS = new RegExp(`\\b(?:${[...new Set(RULES.flatMap(({ words }) => words ?? []))].join('|')})\\b`)
const PIECES = new RegExp([...new Set(RULES.flatMap(({ pieces }) => pieces ?? []))].join('|'), 'i')

/** True when a rule that looks at trees could find something in the file. Three searches are faster than one of all. */
export function needsTree({ facts, problem, text }: CodeFile): boolean {
  if (problem) return false
  return facts.dynamic || WORDS.test(text) || PIECES.test(text) || SPELLED_OTHERWISE.test(text)
}
