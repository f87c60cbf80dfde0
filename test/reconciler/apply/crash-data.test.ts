import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bounded } from '../../../reconciler/apply/bounded.ts'
import { CrashHarness, type Survived } from './crash-harness.ts'
import { scenarios } from './crash-jobs.ts'
import { bundled } from './data-places.ts'

/* Kill -9 at every boundary of jobs with tables, on both databases; several children at a time. */

const AT_ONCE = 3
let room: string
let runner: string
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), 'catalyst-crash-'))
  runner = bundled('test/reconciler/apply/crash-runner.ts', join(room, 'runner.mjs'))
})
afterAll(() => rmSync(room, { recursive: true }))

/** What happens on this machine alone is the same on either database. */
const LOCAL = /^(leased|recovered|stamp-removed|intent|staged.*|probed|built|activating|observed)$/

describe.each(['sqlite', 'postgres'] as const)('kill -9 in each step, on %s, of', (dialect) => {
  test.each(Object.entries(scenarios(dialect)))('%s', { timeout: 240_000 }, async (_name, scenario) => {
    const harness = new CrashHarness(dialect, runner)
    const prepared = await harness.prepare(scenario)
    const places = [...prepared.boundaries.keys()].filter((i) => dialect === 'sqlite' || !LOCAL.test(prepared.boundaries[i] ?? ''))
    expect(places.length).toBeGreaterThanOrEqual(9)
    const survived = await bounded(places, AT_ONCE, (i): Promise<Survived> => harness.survive(prepared, { at: i + 1 }, i % 2 === 1))
    // Killed where something happens: the store was caught in more than one state.
    const ends = new Set(survived.flatMap(({ states, end }) => [...states, end]))
    expect(ends.size).toBeGreaterThan(scenario.off.length === 0 ? 0 : 1)
    await prepared.base.remove()
  })
})
