import { writeFileSync } from 'node:fs'
import type { Dialect } from '../../../reconciler/data-ports.ts'
import type { Survived } from './crash-harness.ts'

/* What a run of the harness saw, for docs/crash-soak.md (`npm run test:soak`). */

/** All kills of one kind of one job on one database. */
export interface Kills {
  readonly dialect: Dialect
  readonly job: string
  readonly how: 'boundary' | 'random'
  readonly count: number
  /** Where the store was caught: `before`, `after`, or plugins in different states `between`. */
  readonly before: number
  readonly between: number
  readonly after: number
  /** How many of them caught a plugin switched off while its tables change. */
  readonly off: number
  /** What the next pass came to. */
  readonly endedOld: number
  readonly endedNew: number
  /** Kills after which a law did not hold, with what was seen. */
  readonly losses: readonly string[]
}

/** Outcomes of kills in one line. Pure. @param all what was survived, or the failure */
export function tally(about: Pick<Kills, 'dialect' | 'job' | 'how'>, all: readonly (Survived | Error)[]): Kills {
  const survived = all.filter((one): one is Survived => !(one instanceof Error))
  const count = (is: (one: Survived) => boolean): number => survived.filter(is).length
  const every = (state: string) => (one: Survived): boolean => [...one.caught.values()].every((s) => s === state)
  const [before, after] = [count(every('old')), count((one) => one.caught.size > 0 && every('new')(one))]
  return {
    ...about, count: all.length, before, after, between: survived.length - before - after,
    off: count((one) => [...one.caught.values()].includes('off')),
    endedOld: count((one) => one.end === 'old'), endedNew: count((one) => one.end === 'new'),
    losses: all.flatMap((one) => (one instanceof Error ? [one.message] : [])),
  }
}

/** Leaves the lines where `test/soak.ts` asked for them. */
export function report(kills: readonly Kills[], seed: number, to = process.env['CATALYST_CRASH_REPORT']): void {
  if (to !== undefined) writeFileSync(to, JSON.stringify({ seed, kills }))
}
