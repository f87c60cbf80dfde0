import { describe, expect, test } from 'vitest'
import { isRisky, openJudge } from '../../validator/judge.ts'
import { costsTooMuch } from '../../validator/reading-cost.ts'
import { validate } from '../../validator/validate.ts'
import { fixturePackage, rulesOf, samplePackage } from './package-builder.ts'

describe('texts that could make the parser take gigabytes', () => {
  test.each<[string, string]>([
    ['mistakes in one long line', 'return;'.repeat(12_000)],
    ['bad escapes in one long line', '\\x41'.repeat(20_000)],
    ['short lines with mistakes beside a long one', `${'x'.repeat(1_000_000)}\n;${'('.repeat(1_000)}\n`.repeat(2)],
    ['mistakes in mistakes over many lines', `${'({a=function(){\n'.repeat(300)}${'a()\n'.repeat(50_000)}${'}})\n'.repeat(300)}`],
    ['minified code', `x=[${'a(),b[0],'.repeat(10_000)}]`],
  ])('%s', (_, text) => expect(costsTooMuch(text)).toBe(true))
})

describe('code that is read in this process', () => {
  test.each<[string, string]>([
    ['a megabyte in lines', 'export const total = (order) => order.lines.reduce((sum, line) => sum + line.price, 0)\n'.repeat(12_000)],
    ['a small minified file', `x=[${'a(),b[0],'.repeat(1_000)}]`],
    ['data in one line', `export const data = "${'QUJD'.repeat(50_000)}"`],
  ])('%s', (_, text) => expect(costsTooMuch(text)).toBe(false))
})

test('ordinary packages start no process, risky ones do, and both have the findings of validate', async () => {
  // A process that does not exist: whoever needs it gets that as the finding.
  const judge = openJudge({ entry: new URL('./no-such-process.ts', import.meta.url) })
  const plain = fixturePackage('dynamic-code')
  expect(await judge.validate(plain)).toEqual(validate(plain))
  const minified = samplePackage({ files: { 'index.js': `export const x=[${'a(),b[0],'.repeat(10_000)}eval]` } })
  expect(isRisky(minified)).toBe(true)
  expect(rulesOf(await judge.validate(minified))).toEqual(['unparsable error'])
  await judge.close()

  const real = openJudge()
  expect(await real.validate(minified)).toEqual(validate(minified))
  expect(rulesOf(validate(minified))).toEqual(['dynamic-code error', 'obfuscated warning'])
  await real.close()
})
