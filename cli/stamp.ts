import { lookAt, writeStamp } from '../reconciler/state/stamp.ts'
import type { DesiredState } from '../reconciler/plan/desired.ts'
import type { Plan } from '../schemas/plan.ts'
import type { House } from './compose.ts'
import { isPostgres } from './database.ts'
import { rememberDatabase } from './remembered-database.ts'
import { toolVersion } from './version.ts'

/** What a plan of this store is decided from, as it stands now. Look before you read. */
export function lookAtFiles({ files }: House): ReturnType<typeof lookAt> {
  return lookAt([files.pluginsPath, files.lockPath])
}

/** A plan with nothing left to do, and what it was decided from. `inputs` were looked at before they were read. */
export interface Settled {
  readonly inputs: ReturnType<typeof lookAt>
  readonly desired: DesiredState
  readonly decided: Plan
  readonly serial: number
}

/**
 * Records that nothing is left to do, when that is so and there is nothing a reader must see again: a hold, a kept
 * decision or an unsigned source is shown by every plan. The next pass then needs one look at a small file.
 */
export function recordNothingToDo(house: House, { inputs, desired, decided, serial }: Settled): void {
  const plugins = inputs?.[0]
  // A reference may change without a file changing: who has one is asked properly every time.
  if (!plugins || desired.store.database.includes('${')) return
  const database = house.databaseAddress(desired)
  // Its URL may hold a password, so it is written nowhere: such a store is asked properly every time.
  if (isPostgres(database)) return
  rememberDatabase(house.paths.root, plugins.sha256, database)
  if (decided.changes.length + decided.blocked.length + decided.notices.length > 0) return
  const values = house.stampValues(desired, database)
  if (values === 'unknown') return
  writeStamp(house.paths, { tool: toolVersion(), inputs, values, serial, now: house.now(), validUntil: decided.validUntil, database, plugins: decided.unchanged })
}
