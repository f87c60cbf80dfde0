import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { snappy } from '../../../examples/world/github/snappy.ts'
import { decodeSnappyBundle } from '../../../registry/provenance/snappy.ts'
import { profileOfText } from '../../../registry/provenance/trust-profile.ts'
import { verifyByHand } from '../../../registry/provenance/verify-by-hand.ts'
import { observeSigner, verifyRelease, type Verified } from '../../../registry/provenance/verify-release.ts'
import { CatalystError } from '../../../schemas/errors.ts'
import { ARTIFACT, attest, bytesOf, expected, profile, release, RUN, SIGNED_AT, sigstore } from './release.ts'

/** The result, or undefined for a refusal. Anything thrown that is not a CatalystError of a known kind is a defect. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (error instanceof CatalystError && error.code !== 'INTERNAL') return undefined
    throw error
  }
}

const good = attest({}, { witness: 'both' })
const text = JSON.stringify(good)
const message = JSON.stringify(sigstore.signArtifact(ARTIFACT, RUN, { at: SIGNED_AT }))
const truth = verifyRelease(release(good), expected())

/** Law: whatever the bytes, the answer is the truth or a refusal. */
function tellsTheTruth(bytes: Uint8Array): void {
  const answer = attempt<Verified>(() => verifyRelease(release(bytes), expected()))
  if (answer) expect(answer).toEqual(truth)
  const seen = attempt(() => observeSigner(release(bytes)))
  if (seen) expect({ ...seen, verdict: 'verified' }).toEqual(truth)
}

type Path = (string | number)[]

/** Every place in a JSON value. */
function places(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, Array.isArray(value) ? Number(key) : key]))]
}

function replaced(value: unknown, path: Path, by: (old: unknown) => unknown): unknown {
  if (path.length === 0) return by(value)
  const copy = structuredClone(value) as Record<string | number, unknown>
  const [key = '', ...rest] = path
  copy[key] = replaced(copy[key], rest, by)
  return copy
}

const junk = fc.oneof(fc.constantFrom<unknown>(null, undefined, '', 0, -1, 1e99, true, [], {}, '0', '99999999999999999999', 'AAAA', '\u0000', { constructor: 1 }), fc.string(), fc.base64String())

describe('no bytes whatever are believed, and none make us stumble', () => {
  test('characters of the file changed', () => {
    const edits = fc.array(fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(edits, (changes) => {
        const bytes = Buffer.from(text)
        for (const [at, value] of changes) bytes[at] = value
        tellsTheTruth(bytes)
      }),
      { numRuns: 80 },
    )
  })

  test('members of the bundle replaced', () => {
    const where = fc.constantFrom(...places(good))
    fc.assert(fc.property(where, junk, (path, value) => tellsTheTruth(bytesOf(JSON.stringify(replaced(good, path, () => value)) ?? ''))), { numRuns: 120 })
  })

  test('bytes inside base64 members changed: certificate, timestamp, log entry, envelope', () => {
    const texts = places(good).filter((path) => {
      const value = path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown>)[key], good)
      return typeof value === 'string' && value.length > 40
    })
    const changes = fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.constantFrom(...texts), changes, (path, edits) => {
        const bad = replaced(good, path, (old) => {
          const bytes = Buffer.from(String(old), 'base64')
          for (const [at, flip] of edits) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
          return bytes.toString('base64')
        })
        tellsTheTruth(bytesOf(bad))
      }),
      { numRuns: 120 },
    )
  })

  test('message signatures by hand', () => {
    const asked = { artifact: ARTIFACT, profile, identity: truth.subject, issuer: truth.signer.issuer }
    const value = JSON.parse(message) as unknown
    fc.assert(
      fc.property(fc.constantFrom(...places(value)), junk, (path, by) => {
        const answer = attempt(() => verifyByHand({ ...asked, bundle: bytesOf(JSON.stringify(replaced(value, path, () => by)) ?? '') }))
        if (answer) expect(answer).toMatchObject({ identity: truth.subject, signedAt: truth.publishedAt })
      }),
      { numRuns: 80 },
    )
  })

  test('trusted roots', () => {
    const root = sigstore.trustedRoot
    fc.assert(fc.property(fc.constantFrom(...places(root)), junk, (path, by) => void attempt(() => profileOfText('x', JSON.stringify(replaced(root, path, () => by)) ?? ''))), { numRuns: 100 })
  })
})

describe('snappy', () => {
  test('reads what another writer wrote', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('abcd', 'a', '{"x":', '0123456789', 'é'), { maxLength: 200 }), (words) => {
      const bytes = Buffer.from(words.join(''))
      expect(Buffer.from(decodeSnappyBundle(snappy(bytes)))).toEqual(bytes)
    }))
    expect(Buffer.from(decodeSnappyBundle(snappy(bytesOf(good))))).toEqual(bytesOf(good))
  })

  test('long literals, long copies and copies that overlap', () => {
    const literal = Buffer.concat([Buffer.of(0x80, 0x02, 61 << 2, 0xff, 0x00), Buffer.alloc(256, 7)])
    expect(Buffer.from(decodeSnappyBundle(literal))).toEqual(Buffer.alloc(256, 7))
    expect(Buffer.from(decodeSnappyBundle(Buffer.of(9, 0, 0x61, (4 << 2) | 1, 1))).toString()).toBe('aaaaaaaaa')
    expect(Buffer.from(decodeSnappyBundle(Buffer.of(9, 0, 0x61, (7 << 2) | 3, 1, 0, 0, 0))).toString()).toBe('aaaaaaaaa')
  })

  test.each<[string, number[]]>([
    ['nothing', []],
    ['a length without end', [0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['more than the limit', [0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a literal of negative length, at which others loop for ever', [10, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0, 0, 0, 0]],
    ['a literal cut off', [5, 4 << 2, 1, 2]],
    ['a copy cut off', [5, 0, 1, (3 << 2) | 2, 1]],
    ['a copy from before the beginning', [5, 0, 1, 1, 2]],
    ['a copy from nowhere', [5, 0, 1, 1, 0]],
    ['more than stated', [1, 1 << 2, 1, 2]],
    ['less than stated', [5, 0, 1]],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeSnappyBundle(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'BUNDLE_INVALID' }))
  })

  test('never stumbles and never gives more than the limit', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const out = attempt(() => decodeSnappyBundle(bytes, 1000))
      if (out) expect(out.length).toBeLessThanOrEqual(1000)
    }), { numRuns: 1000 })
  })
})
