import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ASN1Obj } from '@sigstore/core'
import { encoded } from '../../../registry/provenance/sigstore.ts'

/** The library's own encoder, from a copy of it that nobody has changed. */
const theirs = ((): ((object: ASN1Obj) => Buffer) => {
  const path = createRequire(import.meta.url).resolve('@sigstore/core')
  const file = path.replace(/index\.js$/, 'asn1/obj.js')
  const module = { exports: {} as { ASN1Obj: typeof ASN1Obj } }
  new Function('module', 'exports', 'require', readFileSync(file, 'utf8'))(module, module.exports, createRequire(file))
  const { toDER } = module.exports.ASN1Obj.prototype
  return (object) => toDER.call(withTheirs(object, module.exports.ASN1Obj))
})()

function withTheirs({ tag, value, subs }: ASN1Obj, Class: typeof ASN1Obj): ASN1Obj {
  return new Class(tag, value, subs.map((sub) => withTheirs(sub, Class)))
}

/** DER of any shape: tag, length in as few bytes as it needs, contents. */
const element = (tag: number, contents: Buffer): Buffer<ArrayBuffer> => {
  const { length } = contents
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : length < 0x10000 ? [0x82, length >> 8, length & 255] : [0x83, length >> 16, (length >> 8) & 255, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), contents])
}
const { der } = fc.letrec<{ der: Buffer<ArrayBuffer> }>((tie) => ({
  der: fc.oneof(
    { maxDepth: 5 },
    fc.tuple(fc.constantFrom(0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x17, 0x80), fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 120, max: 70_000 }).map((n) => new Uint8Array(n)))).map(([tag, bytes]) => element(tag, Buffer.from(bytes))),
    fc.tuple(fc.constantFrom(0x30, 0x31, 0x04, 0xa0, 0xa3), fc.array(tie('der'), { maxLength: 5 })).map(([tag, parts]) => element(tag, Buffer.concat(parts))),
  ),
}))

test('law: our encoder gives the bytes that were parsed, and those of the library', () => {
  fc.assert(
    fc.property(der, (bytes) => {
      const parsed = ASN1Obj.parseBuffer(bytes)
      expect(encoded(parsed).equals(bytes)).toBe(true)
      expect(encoded(parsed).equals(theirs(parsed))).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('law: so it does when parts were taken out', () => {
  fc.assert(
    fc.property(fc.array(der, { minLength: 1, maxLength: 5 }), fc.nat(), (parts, which) => {
      const parsed = ASN1Obj.parseBuffer(element(0x30, Buffer.concat(parts)))
      parsed.subs.splice(which % parsed.subs.length, 1)
      if (parsed.subs.length > 0) expect(encoded(parsed).equals(theirs(parsed))).toBe(true)
    }),
    { numRuns: 200 },
  )
})
