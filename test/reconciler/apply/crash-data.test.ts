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

describe.each(['sqlite', 'postgres'] as const)('kill -9 in each step, on %s, of', (dialect) => {
  test.each(Object.entries(scenarios(dialect)))('%s', async (_name, scenario) => {
    const harness = new CrashHarness(dialect, runner)
    const prepared = await harness.prepare(scenario)
    expect(prepared.boundaries.at(-1)).toMatch(/cleared|observed|done/)
    const survived = await bounded([...prepared.boundaries.keys()], AT_ONCE, (i): Promise<Survived> => harness.survive(prepared, { at: i + 1 }, i % 2 === 1))
    const seen = new Set(survived.flatMap((s) => s.states))
    // The kills were where something happens: both ends were seen.
    if (seen.size > 0) expect([...seen].map((s) => s.split(': ')[1])).toEqual(expect.arrayContaining(['old']))
    await prepared.base.remove()
  })
})
