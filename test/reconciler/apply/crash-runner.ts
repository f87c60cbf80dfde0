import { readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { holderName } from '../../../reconciler/apply/holder.ts'
import { rollback } from '../../../reconciler/apply/rollback.ts'
import type { RollbackRequest } from '../../../reconciler/apply/rollback-target.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { worldAt, type Catalogue, type Wish } from './world.ts'

/*
 * One pass in a process of its own, which kills itself at a boundary, as if the power of the process went:
 * `node crash-runner STORE JOB`. Prints the boundaries it passed. With `pause` it waits at that boundary for its end.
 */
export interface CrashJob {
  readonly catalogue?: Catalogue
  readonly wish?: Wish
  readonly rollback?: RollbackRequest
  /** Number of the boundary, from 1, at which the process kills itself. */
  readonly killAt?: number
  readonly pauseAt?: string
}

const [, , folder = '', text = '{}'] = process.argv
const job = JSON.parse(text) as CrashJob
const state = await openSqlite(join(folder, 'store.db'))
const world = worldAt(folder, state, { holder: holderName(), ...(job.catalogue ? { catalogue: job.catalogue } : {}) })
let passed = 0
const onBoundary = (name: string): void => {
  writeSync(1, `${name}\n`)
  if (++passed === job.killAt) process.kill(process.pid, 'SIGKILL')
  if (name === job.pauseAt) readSync(0, Buffer.alloc(1))
}
if (job.wish) await world.apply(job.wish, { onBoundary })
if (job.rollback) await rollback(job.rollback, { ...world.rollbackDeps, onBoundary })
await state.close()
