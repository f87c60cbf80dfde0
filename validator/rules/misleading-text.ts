import type { Rule } from '../rule.ts'

/** Bidirectional controls change the order in which people see code (Trojan Source, CVE-2021-42574); invisible letters make two names look like one. */
// oxlint-disable-next-line no-misleading-character-class
const HIDDEN = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u{e0000}-\u{e007f}]/u

export const misleadingText: Rule = {
  id: 'misleading-text',
  severity: 'error',
  title: 'Code means what a reader sees.',
  hint: 'Write the character as an escape (\\u202e) where it is needed in a text; write comments with // or /* */.',
  pieces: ['<!--', '-->'],
  *check(pkg) {
    for (const { path, text } of pkg.code) {
      const match = pkg.bytes(path).byteLength === text.length ? undefined : HIDDEN.exec(text)
      if (match) yield { place: pkg.place(path, match.index), message: `the invisible character U+${(match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')} in code` }
    }
  },
  // CommonJS reads `<!--` as a comment, a module reads it as operators: whoever errs about the one sees other code.
  visit: (file, say) => ({
    done() {
      for (const start of file.tree?.comments ?? []) {
        if (file.text[start] !== '/' && file.text[start] !== '#') say(start, 'an HTML comment in JavaScript')
      }
    },
  }),
}
