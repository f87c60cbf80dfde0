import fc from 'fast-check'
import { createRequire } from 'node:module'
import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import Sha1 from '../../registry/git-sha1.ts'
import { deflate, Inflate, inflate } from '../../registry/git-zlib.ts'

/* What stands in the bundle for pako and sha.js must do what they do, as far as isomorphic-git asks. */

interface Pako {
  readonly Inflate: new () => { push(chunk: Uint8Array, last: boolean): boolean; readonly result?: Uint8Array; readonly err: number; readonly strm: { readonly avail_in: number } }
  inflate(bytes: Uint8Array): Uint8Array
}
const required = createRequire(import.meta.resolve('isomorphic-git'))
const pako = required('pako') as Pako
const TheirSha1 = required('sha.js/sha1.js') as new () => { update(bytes: Uint8Array): { digest(encoding: string): string } }

const content = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 50 }).map((text) => Buffer.from(text.repeat(2_000))))
const behind = fc.uint8Array({ maxLength: 200 })
const cuts = fc.array(fc.nat(400), { maxLength: 3 })

/** The pieces of `bytes`, cut at the places given. */
function pieces(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const edges = [0, ...at.filter((n) => n > 0 && n < bytes.length).toSorted((a, b) => a - b), bytes.length]
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end)).filter((piece) => piece.length > 0)
}

/** Pushes as isomorphic-git does: until there is a result or an error. */
function fed(stream: InstanceType<Pako['Inflate']>, chunks: readonly Uint8Array[]): { result: string | undefined; failed: boolean; used: number } {
  let used = 0
  for (const chunk of chunks) {
    stream.push(chunk, false)
    used += chunk.length
    if (stream.err || stream.result) break
  }
  const result = stream.result && Buffer.from(stream.result).toString('base64')
  return { result, failed: stream.err !== 0, used: result === undefined ? 0 : used - stream.strm.avail_in }
}

describe('inflating', () => {
  test('finds the end of a stream among what follows, in any pieces', () => {
    fc.assert(
      fc.property(content, behind, cuts, (bytes, rest, at) => {
        const packed = deflateSync(bytes)
        const chunks = pieces(Buffer.concat([packed, rest]), at)
        const ours = fed(new Inflate() as InstanceType<Pako['Inflate']>, chunks)
        expect(ours).toEqual({ result: Buffer.from(bytes).toString('base64'), failed: false, used: packed.length })
        expect(ours).toEqual(fed(new pako.Inflate(), chunks))
      }),
    )
  })

  test('of damaged bytes fails, or gives what pako gives', () => {
    fc.assert(
      fc.property(content, fc.nat(), fc.integer({ min: 1, max: 255 }), cuts, (bytes, where, by, at) => {
        const packed = Buffer.from(deflateSync(bytes))
        const place = where % packed.length
        packed[place] = (packed[place] ?? 0) ^ by
        const [ours, theirs] = [fed(new Inflate() as InstanceType<Pako['Inflate']>, pieces(packed, at)), fed(new pako.Inflate(), pieces(packed, at))]
        expect([ours.result, ours.failed]).toEqual([theirs.result, theirs.failed])
      }),
      { numRuns: 300 },
    )
  })

  test('in one call: what is behind the end is not looked at; a cut stream throws a string', () => {
    const packed = deflateSync('contents')
    expect(Buffer.from(inflate(Buffer.concat([packed, Buffer.from('more')]))).toString()).toBe('contents')
    for (const bytes of [packed.subarray(0, 8), Buffer.from('no stream')]) {
      let thrown: unknown
      try {
        inflate(bytes)
      } catch (error) {
        thrown = error
      }
      expect(typeof thrown).toBe('string')
    }
  })

  test('undoes deflating', () => {
    fc.assert(fc.property(content, (bytes) => void expect(Buffer.from(inflate(deflate(bytes)))).toEqual(Buffer.from(bytes))))
  })
})

test('SHA-1 is the same', () => {
  fc.assert(fc.property(content, (bytes) => void expect(new Sha1().update(bytes).digest('hex')).toBe(new TheirSha1().update(bytes).digest('hex'))))
})
