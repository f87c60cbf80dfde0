import type { Rule } from '../rule.ts'

const LONG_LINE_CHARS = 20_000

/** Signs of code that does not want to be read: a text that must be in it, the pattern (linear time), what it is. */
const SIGNS: readonly (readonly [string, RegExp, string])[] = [
  ['_0x', /\b_0x[0-9a-f]{4,6}\b(?:[^_]{0,200}\b_0x[0-9a-f]{4,6}\b){5}/, 'names as an obfuscator makes them (_0x…)'],
  ['\\x', /(?:\\x[0-9a-f]{2}){40}/i, 'a long text of hexadecimal escapes'],
  ['\\u', /(?:\\u[0-9a-f]{4}){60}/i, 'a long text of unicode escapes'],
  ['0x', /(?:\b0x[0-9a-f]{1,8}\s?,\s?){150}/i, 'a long list of hexadecimal numbers'],
  ['![]', /(?<![[\]()!+{}])[[\]()!+{}]{600}/, 'code written in brackets alone'],
]
const BASE64 = /['"`][A-Za-z0-9+/]{20000,}={0,2}['"`]/

export const obfuscated: Rule = {
  id: 'obfuscated',
  severity: 'warning',
  title: 'Code of a plugin can be read by people.',
  hint: 'Bundle without minifying; a store loads readable code just as fast.',
  *check(pkg) {
    for (const { path, text } of pkg.code) {
      const long = longLine(text)
      if (long !== undefined) yield { place: pkg.place(path, long), message: `a line of more than ${LONG_LINE_CHARS} characters: minified code` }
      for (const [hint, sign, what] of SIGNS) {
        const match = text.includes(hint) ? sign.exec(text) : undefined
        if (match) yield { place: pkg.place(path, match.index), message: what }
      }
      const blob = text.length > LONG_LINE_CHARS ? BASE64.exec(text) : undefined
      if (blob) yield { place: pkg.place(path, blob.index), message: 'more than 20,000 characters of base64' }
    }
  },
}

function longLine(text: string): number | undefined {
  if (text.length <= LONG_LINE_CHARS) return undefined
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    const stop = end < 0 ? text.length : end
    if (stop - start > LONG_LINE_CHARS) return start
    start = stop + 1
  }
  return undefined
}
