import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { StorePaths } from '../../../reconciler/state/paths.ts'
import { stampValues } from '../../../reconciler/state/stamped-values.ts'
import { checkStamp, lookAt, removeStamp, writeStamp, type StampInput } from '../../../reconciler/state/stamp.ts'
import { at, T0 } from '../../contracts/records.ts'
import { temporaryStore } from './folder.ts'

describe('stamp', () => {
  let paths: StorePaths
  let input: StampInput
  let yaml: string
  let lock: string
  const later = at(60)
  const check = (odd: Partial<StampInput> = {}, now = later, serial: () => number | undefined = () => 7) => checkStamp(paths, { ...input, ...odd }, now, serial)

  beforeEach(() => {
    paths = temporaryStore()
    yaml = join(paths.store, 'plugins.yaml')
    lock = join(paths.store, 'plugins.lock.yaml')
    writeFileSync(yaml, 'plugins: {}\n')
    writeFileSync(lock, 'lockVersion: 1\n')
    mkdirSync(paths.root)
    symlinkSync('generations/3', paths.current)
    input = { tool: '0.1.0', files: [yaml, lock] }
    writeStamp(paths, { tool: '0.1.0', inputs: lookAt([yaml, lock]), serial: 7, database: 'store.db', plugins: 3, now: T0, validUntil: at(3600) })
  })

  /** Makes the stamp believe that its inputs were old when it looked. */
  const makeOld = (): void => writeFileSync(paths.stamp, readFileSync(paths.stamp, 'utf8').replaceAll('"young":true', '"young":false'))

  test('an unchanged world is fresh, and tells since when', () => {
    expect(check()).toEqual({ fresh: true, checkedAt: T0, plugins: 3 })
    makeOld()
    expect(check()).toEqual({ fresh: true, checkedAt: T0, plugins: 3 })
  })

  const rewriteStamp = (change: (stamp: { inputs: Record<string, unknown>[] }) => void): void => {
    const stamp = JSON.parse(readFileSync(paths.stamp, 'utf8'))
    change(stamp)
    writeFileSync(paths.stamp, JSON.stringify(stamp))
  }
  const timesOf = (path: string): Record<string, string> => {
    const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true })
    return { size: String(size), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), inode: String(ino) }
  }

  test('inputs that are older than two seconds are told by their times alone', () => {
    makeOld()
    rewriteStamp((stamp) => (stamp.inputs[0] = { ...stamp.inputs[0], sha256: 'never looked at' }))
    expect(check()).toMatchObject({ fresh: true })
  })

  const changes: readonly [string, () => unknown][] = [
    ['another size', () => writeFileSync(yaml, 'plugins: {} # more\n')],
    ['the same size', () => writeFileSync(lock, 'lockVersion: 2\n')],
    ['a file put in its place with the same times', () => { writeFileSync(`${lock}.n`, 'lockVersion: 3\n'); utimesSync(`${lock}.n`, 1, 1); renameSync(`${lock}.n`, lock) }],
    ['a file removed', () => rmSync(lock)],
    ['another generation live', () => { rmSync(paths.current); symlinkSync('generations/2', paths.current) }],
    ['current gone', () => rmSync(paths.current)],
    ['stamp damaged', () => writeFileSync(paths.stamp, readFileSync(paths.stamp).subarray(0, 50))],
    ['stamp empty', () => writeFileSync(paths.stamp, '')],
    ['stamp of another shape', () => writeFileSync(paths.stamp, '{"format":1}')],
    ['stamp null', () => writeFileSync(paths.stamp, 'null')],
    ['stamp removed', () => removeStamp(paths)],
    ['stamp from before the machine started', () => writeFileSync(paths.stamp, readFileSync(paths.stamp, 'utf8').replace(/"boot":"[^"]+"/, '"boot":"other"'))],
  ]
  test.each(changes)('%s is not fresh', (_what, change) => {
    change()
    expect(check()).toMatchObject({ fresh: false })
    makeOldIfThere()
    expect(check()).toMatchObject({ fresh: false })
  })
  const makeOldIfThere = (): void => {
    try {
      makeOld()
    } catch {
      // removed by the case
    }
  }

  test('a file that was only touched is still the same', () => {
    makeOld()
    utimesSync(yaml, new Date(), new Date())
    expect(check()).toMatchObject({ fresh: true })
  })

  test.each([
    ['another tool', () => check({ tool: '0.2.0' })],
    ['another serial', () => check({}, later, () => 8)],
    ['a serial that cannot be told', () => check({}, later, () => undefined)],
    ['a clock set back', () => check({}, at(-1))],
    ['something due', () => check({}, at(3600))],
    ['a clock that makes no sense', () => check({}, 'soon')],
    ['other files', () => check({ files: [yaml] })],
    ['files in another order', () => check({ files: [lock, yaml] })],
  ])('%s is not fresh', (_what, ask) => {
    expect(ask()).toMatchObject({ fresh: false })
  })

  describe('values that plugins.yaml refers to', () => {
    const of = [{ kind: 'env', name: 'KEY' }] as const
    const stamped = (key: string, value: string | undefined): StampInput['values'] => (names) => stampValues(key, names, () => value)
    beforeEach(() => writeStamp(paths, { tool: '0.1.0', inputs: lookAt([yaml, lock]), serial: 7, database: 'store.db', plugins: 3, now: T0, values: stampValues('00ff', of, () => 'the value') }))

    test('the same: fresh', () => expect(check({ values: stamped('00ff', 'the value') })).toMatchObject({ fresh: true }))
    test.each([
      ['another value', stamped('00ff', 'another')],
      ['none any more', stamped('00ff', undefined)],
      ['another key', stamped('ff00', 'the value')],
      ['a key that cannot be told', () => undefined],
      ['nobody who can tell', undefined],
    ])('%s: not fresh', (_what, values) => {
      expect(check({ values })).toMatchObject({ fresh: false, why: 'a value that plugins.yaml refers to changed' })
    })
    test('the stamp holds no value', () => expect(readFileSync(paths.stamp, 'utf8')).not.toContain('the value'))
  })

  test('a young file that changes within one tick of a coarse clock is noticed by its content', () => {
    writeFileSync(yaml, 'plugins: []\n')
    rewriteStamp((stamp) => (stamp.inputs[0] = { ...stamp.inputs[0], ...timesOf(yaml) }))
    expect(check()).toMatchObject({ fresh: false, why: 'a file changed' })
  })

  test('a database is asked only when nothing else changed', () => {
    writeFileSync(yaml, 'x')
    let asked = 0
    checkStamp(paths, input, later, () => (asked++, 7))
    expect(asked).toBe(0)
  })

  test('a stamp that cannot be written is no error and leaves none', () => {
    writeStamp(paths, { tool: '0.1.0', inputs: lookAt([join(paths.store, 'gone')]), serial: 7, database: 'store.db', plugins: 3, now: T0 })
    expect(check()).toMatchObject({ fresh: false })
  })
})
