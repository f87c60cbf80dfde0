import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Package } from '../../validator/package-view.ts'
import { validate } from '../../validator/validate.ts'
import { fixturePackage, samplePackage } from './package-builder.ts'

/* Most trees are never made. These laws say that nothing is lost by it: a text that is not suspected has no finding. */

function both(pkg: Package): { quick: readonly object[]; full: readonly object[] } {
  return { quick: validate(pkg), full: validate(pkg, { everyTree: true }) }
}

/** One statement as the only one of a package: no other line makes its tree for it. */
function alone(line: string, type: 'module' | 'commonjs'): Package {
  return samplePackage({ files: { 'index.js': `${line}\n`, 'package.json': `{ "name": "sample", "version": "1.0.0", "type": "${type}" }` } })
}

const LINES = ['imports', 'dynamic-code', 'hosts', 'escape-esm', 'unseen', 'good-esm'].flatMap((name) => linesOf(name, 'module'))
const SCRIPT_LINES = ['escape-cjs', 'good-cjs', 'dynamic-code'].flatMap((name) => linesOf(name, 'commonjs'))

function linesOf(name: string, type: 'module' | 'commonjs'): readonly { line: string; type: 'module' | 'commonjs' }[] {
  const pkg = fixturePackage(name)
  const code = pkg.files.filter((f) => /\.c?js$/.test(f.path)).map((f) => new TextDecoder().decode(pkg.read(f.path)))
  // Without the marks: a comment behind a text makes a tree by itself.
  return code.join('\n').replace(/ \/\/ (ERROR|WARNING): .*$/gm, '').split('\n').filter((line) => line.trim() !== '').map((line) => ({ line, type }))
}

test('each line of the fixtures, alone in its file, is judged the same with and without its tree made beforehand', () => {
  for (const { line, type } of [...LINES, ...SCRIPT_LINES]) {
    const { quick, full } = both(alone(line, type))
    expect(quick, line).toEqual(full)
  }
})

describe('spellings', () => {
  const gap = fc.constantFrom('', ' ', '\n', '\t', '/**/', ' /* x */ ', '//\n', '\u00a0')
  const letter = (c: string): fc.Arbitrary<string> => fc.constantFrom(c, c, c, `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`, `\\u{${c.charCodeAt(0).toString(16)}}`)
  const word = (text: string): fc.Arbitrary<string> => fc.tuple(...[...text].map(letter)).map((letters) => letters.join(''))
  const quoted = (text: string): fc.Arbitrary<string> =>
    fc.oneof(
      fc.tuple(fc.constantFrom("'", '"', '`'), word(text)).map(([q, w]) => `${q}${w}${q}`),
      fc.tuple(fc.integer({ min: 0, max: text.length }), fc.constantFrom("'", '"', '`'), gap, gap, fc.boolean()).map(([at, q, a, b, p]) => {
        const sum = `${q}${text.slice(0, at)}${q}${a}+${b}${q}${text.slice(at)}${q}`
        return p ? `(${a}${sum}${b})` : sum
      }),
      fc.tuple(fc.integer({ min: 0, max: text.length }), gap).map(([at, a]) => `\`${text.slice(0, at)}\${${a}'${text.slice(at)}'}\``),
    )
  /** Statements in pieces; between two pieces anything may stand that means nothing. */
  const statements = fc.oneof(
    fc.tuple(word('eval')).map(([w]) => [w, '(', 'x', ')']),
    fc.tuple(word('Function')).map(([w]) => ['new ', w, '(', 'x', ')']),
    fc.tuple(quoted('constructor')).map(([w]) => ['x', '[', w, ']', '[', w, ']', '(', ')']),
    fc.tuple(quoted('eval')).map(([w]) => ['globalThis', '[', w, ']']),
    fc.tuple(quoted('node:fs')).map(([w]) => ['import', '(', w, ')']),
    fc.tuple(fc.constantFrom("'fs'", '"node:fs"')).map(([w]) => ['export', '{', '}', 'from', w]),
    fc.tuple(quoted('https://evil.io/x')).map(([w]) => ['fetch', '(', w, ')']),
    fc.tuple(word('process'), word('binding')).map(([p, b]) => [p, '.', b, '(', 'x', ')']),
    fc.tuple(word('getBuiltinModule')).map(([b]) => ['x', '.', b]),
  )
  const texts = fc.tuple(statements, fc.array(gap, { minLength: 12, maxLength: 12 })).map(([pieces, gaps]) => pieces.map((piece, i) => piece + (gaps[i] ?? '')).join(''))

  test('however it is spelled, the quick look and the full look agree, and something is found', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { quick, full } = both(alone(text, 'module'))
        expect(quick).toEqual(full)
        expect(quick.length, text).toBeGreaterThan(0)
      }),
      { numRuns: 500 },
    )
  })
})
