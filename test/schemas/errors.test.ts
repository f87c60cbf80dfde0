import { describe, expect, test } from 'vitest'
import { CatalystError, type ErrorCode, ERRORS, highestExit, redact, throwProblems, withCode } from '../../schemas/errors.ts'
import { processorTime } from '../builders/processor-time.ts'

describe('highestExit', () => {
  const order = [0, 2, 6, 3, 5, 4, 7, 1]

  test('1 > 7 > 4 > 5 > 3 > 6 > 2 > 0, whatever the order they come in', () => {
    for (const [i, low] of order.entries()) {
      for (const high of order.slice(i)) {
        expect(highestExit([low, high])).toBe(high)
        expect(highestExit([high, low])).toBe(high)
      }
    }
  })

  test('nothing is success, and an exit nobody knows is an error', () => {
    expect(highestExit([])).toBe(0)
    expect(highestExit([0, 42])).toBe(1)
    expect(highestExit([-1])).toBe(1)
  })
})

describe('the error table', () => {
  test.each(Object.entries(ERRORS))('%s has a hint that is a sentence, and waits for a person exactly when it exits 3', (_code, row) => {
    expect(row.hint).toMatch(/^[A-Z].*[.]$/s)
    expect(row.retry === 'decision').toBe(row.exit === 3)
  })
})

describe('CatalystError', () => {
  test('takes exit, retry and hint from the table', () => {
    const error = new CatalystError('BUSY', 'another apply runs')
    expect([error.exit, error.retry, error.hint]).toEqual([7, 'backoff', ERRORS.BUSY.hint])
  })

  test('throwProblems carries all problems, leaves warnings out, and does nothing without any', () => {
    throwProblems([])
    throwProblems([{ code: 'UNKNOWN_KEY', message: 'w', severity: 'warning' }])
    const thrown = caught(() => throwProblems([{ code: 'MISSING_KEY', message: 'a' }, { code: 'UNKNOWN_KEY', message: 'w', severity: 'warning' }, { code: 'UNKNOWN_KEY', message: 'b' }]))
    expect(thrown.code).toBe('MISSING_KEY')
    expect(thrown.message).toBe('a (and 1 more)')
    expect(thrown.problems.map((p) => p.code)).toEqual(['MISSING_KEY', 'UNKNOWN_KEY'])
  })

  test('withCode gives a file one code, keeps the finer ones, and lets other errors pass', () => {
    const inner = (code: ErrorCode) => () => {
      throw new CatalystError(code, 'inner', { place: { file: 'f', line: 3 } })
    }
    const outer = caught(() => withCode('MANIFEST_INVALID', inner('JSON_SYNTAX')))
    expect([outer.code, outer.place?.line, outer.problems[0]?.code]).toEqual(['MANIFEST_INVALID', 3, 'JSON_SYNTAX'])
    expect(caught(() => withCode('LOCK_INVALID', inner('LOCK_CONFLICT'), ['LOCK_CONFLICT'])).code).toBe('LOCK_CONFLICT')
    expect(() => withCode('LOCK_INVALID', () => { throw new TypeError('a defect') })).toThrow(TypeError)
  })
})

describe('redact', () => {
  test.each([
    ['a URL with credentials', 'postgres://store:hunter2@db.example/x', 'postgres://***@db.example/x'],
    ['a password with @', 'postgres://store:hunt@er2@db.example/x', 'postgres://***@db.example/x'],
    ['a password with /', 'postgres://store:hunt/er2@db.example/x', 'postgres://***@db.example/x'],
    ['a token as user', 'clone https://ghs_16C7e42F292c6912E7@github.com/a/b failed', 'clone https://***@github.com/a/b failed'],
    ['a GitHub token', 'token ghp_0123456789abcdef is bad', 'token ghp_*** is bad'],
    ['a fine-grained token', 'github_pat_11AAAAAAA0_abcdefgh', 'github_pat_***'],
    ['a Stripe key', 'sk_live_51H8abcdefgh', 'sk_live_***'],
    ['an AWS key', 'AKIAIOSFODNN7EXAMPLE', 'AKIA***'],
    ['a bearer header', 'Authorization: Bearer abc.def-ghi', 'Authorization: Bearer ***'],
    ['a header as JSON', '{"authorization":"token abcdef"}', '{"authorization":"token ***"}'],
    ['a signed URL', 'GET https://objects.example/a.tgz?X-Amz-Signature=abc123&x=1', 'GET https://objects.example/a.tgz?X-Amz-Signature=***&x=1'],
    ['a token in a query', 'https://x.example/?access_token=abc&b=2', 'https://x.example/?access_token=***&b=2'],
    ['a JSON Web Token', 'sent eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0x.c2lnbmF0dXJl', 'sent ***'],
    ['a private key', '-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY----- left', '*** left'],
  ])('hides %s', (_name, text, clean) => {
    expect(redact(text)).toBe(clean)
    expect(new CatalystError('INTERNAL', text).message).not.toMatch(/hunter2|hunt|0123456789|51H8|abc123|c2lnbmF0/)
  })

  test.each(['https://registry.example:4873/@scope/name', 'http://127.0.0.1:4873/@a', 'mail to bob@example.org', 'sha256:0123456789abcdef', 'github:acme/plugin@1.2.3', 'stripe-payments@2.1.3'])('leaves %s', (text) => {
    expect(redact(text)).toBe(text)
  })

  test('hostile text of any length costs milliseconds', () => {
    const hostile = ['a'.repeat(20_000), 'a.'.repeat(10_000), 'a://'.repeat(5_000), 'a://b:'.repeat(3_000), '?token'.repeat(3_000), 'eyJ'.repeat(6_000), '-----BEGIN A PRIVATE KEY-----'.repeat(600)]
    const { ms } = processorTime(() => hostile.forEach(redact))
    expect(ms).toBeLessThan(1_000)
  })
})

function caught(run: () => unknown): CatalystError {
  try {
    run()
  } catch (error) {
    if (error instanceof CatalystError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
