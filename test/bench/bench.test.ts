import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Sizes } from '../../bench/arena.ts'
import { measureAll, SECTION_NAMES } from '../../bench/benchmarks.ts'
import { inTurns, measured, run } from '../../bench/measure.ts'
import { peakOf } from '../../bench/memory.ts'
import { pluginFiles, FULL_SIZE } from '../../bench/plugin-files.ts'
import { beside, growth, within } from '../../bench/row.ts'
import { page, plainTable, verdict } from '../../bench/table.ts'

/* That the benchmarks still run, at the smallest size and without peers. What they measure here means nothing. */

const ROOT = join(import.meta.dirname, '..', '..')
const TINY: Sizes = { calm: 1, cold: 2, coldGrowth: [1], calmGrowth: [1], proofs: [1, 2], owners: { plugins: 3, tables: 1 }, warmUps: 0, quickRounds: 1, slowRounds: 1, growthRounds: 1, signed: [30, 60], backupRows: 500, backupRounds: 1, tableMegabytes: [1], ingest: 1, sweep: [1, 2], catalog: [150], servicePlugins: 50, serviceRequests: 20, resolve: false }

describe('every section runs', () => {
  beforeAll(() => {
    // `npm install` builds it; only a checkout that skipped that has none.
    if (!existsSync(join(ROOT, 'dist/fast.cjs'))) spawnSync(process.execPath, ['cli/build.ts'], { cwd: ROOT, stdio: 'inherit' })
  })

  test('and the page names each of its rows', async () => {
    const sections = await measureAll({ sizes: TINY, peers: [] })
    expect(sections).toHaveLength(SECTION_NAMES.length - 1)
    const text = page(sections.map((section) => ({ section, date: '2026-01-01', machine: 'm', versions: 'v', load: 'l', tookSeconds: 1 })))
    for (const { title, rows } of sections) {
      expect(text).toContain(title)
      for (const row of rows) expect(text).toContain(row.what)
    }
    expect(plainTable(sections).split('\n').length).toBeGreaterThan(15)
  }, 900_000)
})

describe('measuring', () => {
  const node = (code: string) => ({ argv: [process.execPath, '-e', code] as const, cwd: ROOT, env: {} })

  test('takes turns, each round from another beginning', () => {
    const order: string[] = []
    const one = (name: string) => ({ name, prepare: () => (order.push(name), []) })
    inTurns([one('a'), one('b'), one('c')], 3, 1)
    expect(order.join('')).toBe('abcabcbcacab')
  })

  test('tells median and least', () => {
    expect(measured('x', [3, 1, 2])).toMatchObject({ median: 2, min: 1 })
    expect(measured('x', [4, 1, 2, 3])).toMatchObject({ median: 2.5, min: 1 })
  })

  test('shows what a failed command printed', () => {
    expect(() => run(node('console.error("too bad"); process.exit(3)'))).toThrow(/ended with 3:\ntoo bad/)
  })

  test('counts the memory of children', async () => {
    const hold = 'const b = Buffer.alloc(60e6, 1)'
    const child = `${hold}; setTimeout(() => b, 1000)`
    const alone = await peakOf(node(child))
    // It holds its own until its child, which starts when the machine has time for it, is gone.
    const both = await peakOf(node(`${hold}; require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}]).once('exit', () => b)`))
    expect(alone.process).toBeGreaterThan(60e6)
    expect(both.tree - alone.tree).toBeGreaterThan(60e6)
  })
})

describe('rows', () => {
  const ms = (median: number) => measured('x', [median])

  test('a promise is kept up to its limit and no further', () => {
    expect(beside('w', ms(20), ms(10), 2)).toMatchObject({ ratio: 2, ok: true })
    expect(beside('w', ms(20.1), ms(10), 2)).toMatchObject({ ok: false })
    expect(beside('w', ms(10), ms(10), 1)).toMatchObject({ target: '< 1', ok: false })
    expect(beside('w', ms(10), ms(10))).toMatchObject({ ok: undefined })
  })

  test('a promise in milliseconds holds whatever the other took', () => {
    expect(within('w', ms(300), ms(10), 300)).toMatchObject({ ratio: 30, target: '<= 300 ms', ok: true })
    expect(within('w', ms(300.1), ms(300), 300)).toMatchObject({ ok: false })
  })

  test('growth may be linear and a bit more', () => {
    expect(growth('w', 'plugins', { size: 10, ms: 1 }, { size: 100, ms: 13 }, 1.3)).toMatchObject({ ok: true, target: '<= 13' })
    expect(growth('w', 'plugins', { size: 10, ms: 1 }, { size: 100, ms: 13.1 }, 1.3)).toMatchObject({ ok: false })
  })

  test('the verdict names what was missed', () => {
    const section = (ok: boolean) => ({ title: 'T', note: '', rows: [beside('w', ms(ok ? 1 : 9), ms(1), 2)] })
    expect(verdict([section(true)])).toBe('All 1 targets are met.')
    expect(verdict([section(true), section(false)])).toBe('1 of 2 targets are met. Not met: T: w beside x 1.0 ms.')
  })
})

test('a plugin of full size has about 120 KB, the same in every run', () => {
  const files = pluginFiles('bench-001', FULL_SIZE)
  const bytes = Object.values(files).reduce((sum, text) => sum + text.length, 0)
  expect(Object.keys(files)).toHaveLength(FULL_SIZE - 2)
  expect(Math.abs(bytes - 120_000)).toBeLessThan(5_000)
  expect(pluginFiles('bench-001', FULL_SIZE)).toEqual(files)
  expect(pluginFiles('bench-002', FULL_SIZE)['index.js']).toBe(files['index.js'])
  expect(pluginFiles('bench-002', FULL_SIZE)['lib/rate-0.js']).not.toBe(files['lib/rate-0.js'])
})
