import { readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { holderName } from '../../../reconciler/apply/holder.ts'
import { restore } from '../../../reconciler/apply/restore.ts'
import { rollback, type RollbackDeps } from '../../../reconciler/apply/rollback.ts'
import type { RollbackRequest } from '../../../reconciler/apply/rollback-target.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import type { Approval } from '../../../schemas/plugin-set.ts'
import { dataWorld, type Place } from './data-world.ts'
import { worldAt, type Catalogue, type Said, type Wish, type World } from './world.ts'

/*
 * One pass in a process of its own, which kills itself at a boundary, as if the power of the process went:
 * `node crash-runner STORE JOB`. Prints the boundaries it passed. With `pause` it waits at that boundary for its end.
 */
export interface CrashJob {
  readonly catalogue?: Catalogue
  readonly wish?: Wish
  readonly said?: Said
  readonly rollback?: RollbackRequest
  readonly approvals?: readonly Approval[]
  /** Name of a backup. */
  readonly restore?: string
  /** A store with real tables, at a time in milliseconds since 1970. */
  readonly place?: Place
  readonly from?: number
  /** Number of the boundary, from 1, at which the process kills itself. */
  readonly killAt?: number
  readonly pauseAt?: string
}

/** Of a backup and a restore: before and after what counts. `test/reconciler/backup/crash.test.ts` kills at the others. */
const BACKUPS: ReadonlySet<string> = new Set(['renamed', 'old aside', 'new live', 'committed'])

const [, , folder = '', text = '{}'] = process.argv
const job = JSON.parse(text) as CrashJob
let passed = 0
const onBoundary = (name: string): void => {
  writeSync(1, `${name}\n`)
  if (++passed === job.killAt) process.kill(process.pid, 'SIGKILL')
  if (name === job.pauseAt) readSync(0, Buffer.alloc(1))
}
const { world, close } = await opened()
const rollbackDeps: RollbackDeps = { ...world.rollbackDeps, onBoundary, consent: async () => ({ storeId: 'acme-eu', approvals: job.approvals ?? [] }) }
if (job.wish) await world.apply(job.wish, { onBoundary }, job.said)
if (job.rollback) await rollback(job.rollback, rollbackDeps)
if (job.restore !== undefined) await restore(job.restore, { storeId: 'acme-eu' }, rollbackDeps)
await close()

async function opened(): Promise<{ readonly world: World; close(): Promise<void> }> {
  const { place, catalogue = {}, from } = job
  if (place) {
    const world = await dataWorld(place, { catalogue, holder: holderName(), at: (name) => BACKUPS.has(name) && onBoundary(`backup: ${name}`), ...(from === undefined ? {} : { from }) })
    return { world, close: () => world.close() }
  }
  const state = await openSqlite(join(folder, 'store.db'))
  return { world: worldAt(folder, state, { holder: holderName(), ...(job.catalogue ? { catalogue } : {}) }), close: () => state.close() }
}
