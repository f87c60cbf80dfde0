import type { BackupRef } from '../data-ports.ts'

/** Which backups stay: the newest `keep` of each plugin, all younger than `keepDays` days, and those that are pinned. */
export interface Retention {
  readonly keep: number
  readonly keepDays: number
  readonly now: string
  readonly pinned: ReadonlySet<string>
}

const DAY_MS = 86_400_000

/** The backups that the policy does not keep, oldest first. Pure. A time that cannot be read keeps its backup. */
export function expired(backups: readonly BackupRef[], { keep, keepDays, now, pinned }: Retention): readonly BackupRef[] {
  const youngest = Date.parse(now) - keepDays * DAY_MS
  const old = (ref: BackupRef): boolean => Date.parse(ref.at) < youngest && !pinned.has(ref.name)
  const plugins = [...new Set(backups.map(({ plugin }) => plugin))]
  return plugins.flatMap((plugin) => newestFirst(backups.filter((ref) => ref.plugin === plugin)).slice(Math.max(0, keep)).filter(old)).sort((a, b) => compare(a, b))
}

/** By time, then by name. */
export function newestFirst(backups: readonly BackupRef[]): readonly BackupRef[] {
  return backups.toSorted((a, b) => compare(b, a))
}

function compare(a: BackupRef, b: BackupRef): number {
  return Date.parse(a.at) - Date.parse(b.at) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}
