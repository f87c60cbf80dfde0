import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CatalystError } from '../../schemas/errors.ts'
import { printable } from '../../schemas/printable.ts'

describe('printable', () => {
  test.each([
    ['cursor movement', '\u001b[2J\u001b[1;1Hroot#', '\\u{1b}[2J\\u{1b}[1;1Hroot#'],
    ['a colour', '\u001b[31mred\u001b[0m', '\\u{1b}[31mred\\u{1b}[0m'],
    ['a hyperlink (OSC 8)', '\u001b]8;;https://evil.example\u0007click', '\\u{1b}]8;;https://evil.example\\u{7}click'],
    ['the one-byte CSI of C1', '\u009b31m', '\\u{9b}31m'],
    ['carriage return and backspace, which overwrite', 'bad\rgood\b', 'bad\\u{d}good\\u{8}'],
    ['a line feed, which forges a line', 'a\nb', 'a\\u{a}b'],
    ['right-to-left override', 'gnp.\u202eexe', 'gnp.\\u{202e}exe'],
    ['isolates', '\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['zero-width space and joiner', 'pay\u200bpal\u200d', 'pay\\u{200b}pal\\u{200d}'],
    ['soft hyphen', 'pay\u00adpal', 'pay\\u{ad}pal'],
    ['line and paragraph separator', 'a\u2028b\u2029', 'a\\u{2028}b\\u{2029}'],
    ['tag characters, which hide text', 'a\u{e0041}\u{e0042}', 'a\\u{e0041}\\u{e0042}'],
    ['Hangul fillers, which are blank letters', 'a\u3164b\uffa0', 'a\\u{3164}b\\u{ffa0}'],
    ['a lone surrogate', 'a\ud800b', 'a\\u{d800}b'],
    ['a byte order mark', '\ufeffa', '\\u{feff}a'],
  ])('marks %s', (_name, text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  test.each(['Zahlungen für Käufer', '支払い', 'مدفوعات', 'a 👍 ✔️ b', 'tab-free, plain text.'])('leaves %s as it is', (text) => {
    expect(printable(text)).toBe(text)
  })

  test('keeps line feeds only when asked for', () => {
    expect(printable('a\nb\tc', { newlines: true })).toBe('a\nb\\u{9}c')
  })

  test('cuts what is too long', () => {
    expect(printable('x'.repeat(30), { max: 10 })).toBe(`${'x'.repeat(10)}…`)
  })

  test('law: no control or format character of any text survives, and doing it twice changes nothing more', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = printable(text)
        expect(shown).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u)
        expect(shown.isWellFormed()).toBe(true)
        expect(printable(shown)).toBe(shown)
      }),
    )
  })

  test('errors, their hints, places and problems are made printable', () => {
    const evil = '\u001b[2Jname\u202e'
    const error = new CatalystError('INVALID_ID', evil, { hint: evil, place: { file: evil }, problems: [{ code: 'INVALID_ID', message: evil, hint: evil, place: { file: evil } }] })
    const shown = '\\u{1b}[2Jname\\u{202e}'
    expect([error.message, error.hint, error.place?.file]).toEqual([shown, shown, shown])
    expect(error.problems[0]).toEqual({ code: 'INVALID_ID', message: shown, hint: shown, place: { file: shown } })
    expect(error.stack).not.toContain('\u001b')
  })
})
