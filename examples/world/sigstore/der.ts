/**
 * ITU-T X.690 DER, the little of it that certificates (RFC 5280) and timestamps (RFC 3161) are written in.
 * Writing only: whoever reads what we write here is a verifier of somebody else, which is the point of the exercise.
 */

/** One element: tag, length, and the parts joined as its value. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), lengthOf(value.length), value])
}

function lengthOf(size: number): Buffer {
  if (size < 0x80) return Buffer.of(size)
  const bytes = bigEndian(BigInt(size))
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes])
}

function bigEndian(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

/** SEQUENCE of elements. */
export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts)
/** OCTET STRING. */
export const octets = (value: Uint8Array): Buffer => der(0x04, value)
/** UTF8String. */
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text))
/** BOOLEAN. */
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.of(value ? 0xff : 0))
/** BIT STRING whose last byte has `unused` bits that do not count. */
export const bits = (value: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.of(unused), value)
/** `[n]` around a whole element. */
export const explicit = (n: number, ...parts: readonly Uint8Array[]): Buffer => der(0xa0 | n, ...parts)
/** `[n]` in place of a primitive element's own tag. */
export const implicit = (n: number, value: Uint8Array): Buffer => der(0x80 | n, value)

/** SET OF: DER wants its members sorted by their bytes. */
export function setOf(...parts: readonly Uint8Array[]): Buffer {
  return der(0x31, ...[...parts].sort(Buffer.compare))
}

/** INTEGER, not negative: a leading zero keeps the sign bit clear. */
export function integer(value: number | bigint | Uint8Array): Buffer {
  const bytes = typeof value === 'object' ? Buffer.from(value) : bigEndian(BigInt(value))
  return (bytes[0] ?? 0) >= 0x80 ? der(0x02, Buffer.of(0), bytes) : der(0x02, bytes)
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(arc: number): number[] {
  const digits = [arc % 128]
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128))
  return digits
}

/** GeneralizedTime in whole seconds, `YYYYMMDDHHMMSSZ`; the form of RFC 3161's genTime. */
export function generalizedTime(at: Date): Buffer {
  return der(0x18, Buffer.from(compact(at)))
}

/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
export function certificateTime(at: Date): Buffer {
  return at.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(compact(at).slice(2))) : generalizedTime(at)
}

function compact(at: Date): string {
  return at.toISOString().replace(/[-:T]|\.\d{3}/g, '')
}

/** A PEM block of DER bytes. */
export function pem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
