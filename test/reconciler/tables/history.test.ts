import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../schemas/digest.ts'
import { fits, toRun, toUndo, type Applied, type Named } from '../../../reconciler/tables/history.ts'

/** `a` names a migration, `a*` the same one edited, `a!` one without a way back. */
const named = (text: string): Named[] => text.split(' ').filter((w) => w !== '').map((w) => ({ id: w[0] ?? '', checksum: sha256(w.replace('!', '')) }))
const applied = (text: string): Applied[] => named(text).map((n, i) => ({ ...n, down: text.split(' ')[i]?.endsWith('!') ? undefined : `undo ${n.id}` }))
const ids = (list: readonly { id: string }[]): string => list.map((m) => m.id).join(' ')

describe('forward', () => {
  test.each([
    ['everything, when nothing has run', '', 'a b', 'a b'],
    ['nothing, when all has run', 'a b', 'a b', ''],
    ['the rest', 'a', 'a b c', 'b c'],
  ])('%s', (_, done, wanted, expected) => expect(ids(toRun('p', applied(done), named(wanted)))).toBe(expected))

  test.each([
    ['edited', 'a b', 'a b* c', /^p: b was edited after it had run: it was sha256:\w+ and is sha256:\w+ now$/],
    ['removed at the end', 'a b', 'a', /^p: b has run and is not in this version$/],
    ['removed in the middle', 'a b c', 'a c', /^p: b has run and is not in this version, which has c in its place$/],
    ['another in its place', 'a b', 'a c', /^p: b has run and is not in this version, which has c in its place$/],
    ['reordered', 'a b', 'b a', /^p: a has run as number 1 and is number 2 in this version$/],
    ['one put before', 'a b', 'a x b', /^p: b has run as number 2 and is number 3 in this version$/],
  ])('%s after it had run is told', (_, done, wanted, message) => {
    expect(fits(applied(done), named(wanted))).toBe(false)
    expect(() => toRun('p', applied(done), named(wanted))).toThrow(expect.objectContaining({ code: 'MIGRATION_CHANGED', message: expect.stringMatching(message) }))
  })
})

describe('back', () => {
  test.each([
    ['nothing to undo', 'a', 'a', '', ''],
    ['newest first', 'a b c', 'a', 'c b', ''],
    ['everything', 'a b', '', 'b a', ''],
    ['the ways had parted', 'a b c', 'a d', 'c b', 'd'],
    ['one that cannot be undone stays', 'a! b', 'a', 'b', ''],
  ])('%s', (_, done, wanted, undo, run) => {
    const way = toUndo('p', applied(done), named(wanted))
    expect([ids(way.undo), ids(way.run)]).toEqual([undo, run])
  })

  test('all that cannot be undone are named at once', () => {
    expect(() => toUndo('p', applied('a b! c d!'), named('a'))).toThrow(expect.objectContaining({ code: 'MIGRATION_IRREVERSIBLE', message: 'p: d, b cannot be undone: the package has no d.down.sql, b.down.sql' }))
  })
})
