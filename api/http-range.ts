/** Byte positions, both included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * The one range that a `Range` header asks for (RFC 9110 14.1.2, 14.2): `bytes=0-99`, `bytes=100-`, `bytes=-100`. Several
 * ranges, another unit and bad syntax are undefined, which means the whole. Pure.
 */
export function byteRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header ?? '')
  if (!match) return undefined
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return undefined
  const range = first === '' ? { start: Math.max(0, size - Number(last)), end: size - 1 } : { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
  if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined
  return range.start >= size || range.end < range.start ? 'unsatisfiable' : range
}

/** True when `If-None-Match` names the tag (RFC 9110 13.1.2: compared weakly), or is `*`. Pure. */
export function noneMatchHits(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.trim() === '*' || [...header.matchAll(/(?:W\/)?("[^"]*")/g)].some(([, tag]) => tag === etag)
}

/** True when a `Range` counts: there is no `If-Range`, or it names this very content (RFC 9110 13.1.5: strongly; dates never do). Pure. */
export function rangeCounts(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag
}
