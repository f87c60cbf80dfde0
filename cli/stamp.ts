import { writeStamp, type StampInput } from '../reconciler/state/stamp.ts'
import type { StorePaths } from '../reconciler/state/paths.ts'
import type { DesiredState } from '../reconciler/plan/desired.ts'
import type { House } from './compose.ts'
import { toolVersion } from './version.ts'

/** What the stamp of a store depends on. Used by whoever writes it and by the first step of every run. */
export function stampInput(paths: Pick<StorePaths, 'store'>): StampInput {
  return { tool: toolVersion(), files: [`${paths.store}/plugins.yaml`, `${paths.store}/plugins.lock.yaml`] }
}

/** Records that nothing is left to do. Only stores whose database path needs no environment can be asked without plugins.yaml. */
export function writeNothingToDo(house: House, desired: DesiredState, serial: number): void {
  if (desired.store.database.includes('${')) return
  writeStamp(house.paths, { ...stampInput(house.paths), serial, now: house.now(), database: house.databasePath(desired) })
}
