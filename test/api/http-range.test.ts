import { describe, expect, test } from 'vitest'
import { byteRange, noneMatchHits, rangeCounts } from '../../api/http-range.ts'

describe('one range of a file of 100 bytes (RFC 9110 14.1.2)', () => {
  test.each<[string | undefined, ReturnType<typeof byteRange>]>([
    [undefined, undefined],
    ['bytes=0-9', { start: 0, end: 9 }],
    ['bytes=90-', { start: 90, end: 99 }],
    ['bytes=-10', { start: 90, end: 99 }],
    ['bytes=-1000', { start: 0, end: 99 }],
    ['bytes=0-1000', { start: 0, end: 99 }],
    ['BYTES=0-0', { start: 0, end: 0 }],
    ['bytes=99-99', { start: 99, end: 99 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=100-200', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=9-1', undefined],
    ['bytes=-', undefined],
    ['bytes=0-9,20-29', undefined],
    ['lines=0-9', undefined],
    ['bytes=a-b', undefined],
    ['bytes=0-9999999999999999999999', undefined],
  ])('%s', (header, range) => expect(byteRange(header, 100)).toEqual(range))

  test('an empty file has no range', () => expect(byteRange('bytes=0-', 0)).toBe('unsatisfiable'))
})

test('If-None-Match is compared weakly, If-Range strongly', () => {
  const etag = '"abc"'
  expect(['"abc"', 'W/"abc"', '"x", "abc"', '*', ' * '].map((h) => noneMatchHits(h, etag))).toEqual([true, true, true, true, true])
  expect([undefined, '"ab"', 'abc', '', '"abc'].map((h) => noneMatchHits(h, etag))).toEqual([false, false, false, false, false])
  expect([undefined, '"abc"'].map((h) => rangeCounts(h, etag))).toEqual([true, true])
  expect(['W/"abc"', '"x"', 'Sat, 01 Nov 2025 00:00:00 GMT'].map((h) => rangeCounts(h, etag))).toEqual([false, false, false])
})
