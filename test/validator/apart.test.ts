import { afterEach, describe, expect, test } from 'vitest'
import { type ApartValidator, validateApart } from '../../validator/apart.ts'
import { validate } from '../../validator/validate.ts'
import { fixturePackage, rulesOf, samplePackage } from './package-builder.ts'

const open: ApartValidator[] = []
afterEach(async () => {
  for (const validator of open.splice(0)) await validator.close()
})

function apart(options: Parameters<typeof validateApart>[0] = {}): ApartValidator {
  const validator = validateApart(options)
  open.push(validator)
  return validator
}

/** A process that does to itself what the text of index.js says, and judges everything else as the real one. */
const fragile = new URL('./fragile-process.ts', import.meta.url)

test('the same findings as in this process, many packages at once, each its own', async () => {
  const validator = apart()
  const packages = ['good-esm', 'imports', 'dynamic-code', 'escape-cjs', 'hosts'].map(fixturePackage)
  const found = await Promise.all(packages.map((pkg) => validator.validate(pkg)))
  expect(found).toEqual(packages.map((pkg) => validate(pkg)))
})

describe('a package that takes the process down is refused, and the next one is judged', () => {
  test.each([
    ['abort', 'SIGABRT'],
    ['segfault', 'SIGSEGV'],
    ['exit', 'exit code 3'],
  ])('%s', async (what, how) => {
    const validator = apart({ entry: fragile })
    const [before, killer, after] = await Promise.all([samplePackage(), samplePackage({ files: { 'index.js': `// ${what}` } }), samplePackage()].map((pkg) => validator.validate(pkg)))
    expect([before, after]).toEqual([[], []])
    expect(killer).toMatchObject([{ rule: 'unparsable', severity: 'error', message: `the package cannot be read safely: the reader ended with ${how}` }])
  })

  test('a package that never ends', async () => {
    // The next process must start and answer within the same time, on any machine.
    const validator = apart({ entry: fragile, timeoutMs: 5_000 })
    const [killer, after] = await Promise.all([validator.validate(samplePackage({ files: { 'index.js': '// hang' } })), validator.validate(samplePackage())])
    expect(rulesOf(killer ?? [])).toEqual(['unparsable error'])
    expect(after).toEqual([])
  })
})

test('the other process sees nothing of our environment', async () => {
  process.env['CATALYST_TEST_SECRET'] = 'x'
  const found = await apart({ entry: fragile }).validate(samplePackage({ files: { 'index.js': '// environment' } }))
  delete process.env['CATALYST_TEST_SECRET']
  expect(found.map((f) => f.message)).toEqual(['no secret here'])
})

test('closing twice, and closing what never started, ends', async () => {
  const validator = validateApart()
  await validator.close()
  expect(await validator.validate(samplePackage())).toEqual([])
  await validator.close()
  await validator.close()
})
