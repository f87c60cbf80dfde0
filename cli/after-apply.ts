import type { ChangeOutcome } from '../reconciler/apply/settle.ts'
import type { ApplyResult } from '../reconciler/apply/apply.ts'
import { DATA_CLASSES, type DataClass } from '../reconciler/data-ports.ts'
import type { DesiredState } from '../reconciler/plan/desired.ts'
import type { InstallRecord, RetainedRecord } from '../reconciler/ports.ts'
import type { Change, Plan } from '../schemas/plan.ts'
import type { House } from './compose.ts'

/** What is on record after an apply of what it did to things that outlive code. A plan says what shall be done; this says what was. */
export interface AfterApply {
  readonly installs: ReadonlyMap<string, InstallRecord>
  readonly retained: ReadonlyMap<string, RetainedRecord>
  /** By plugin: the name of the newest backup that was written since the apply began. */
  readonly backups: ReadonlyMap<string, string>
}

/** Looks once more, when something was done that outlives code or failed on the way; undefined when there is nothing to look for. */
export async function lookAfter(house: House, desired: DesiredState, { changes }: Plan, { outcomes }: ApplyResult, began: string): Promise<AfterApply | undefined> {
  const touches = changes.filter((change) => change.steps !== undefined || change.effects.migrations.length > 0)
  if (touches.length === 0 && outcomes.every((o) => o.outcome === 'applied')) return undefined
  const store = await house.withState(desired, { readOnly: true }, (state) => state.read())
  const listed = touches.length > 0 ? await (await house.backups(desired)).list() : []
  const written = listed.filter((ref) => Date.parse(ref.at) >= Date.parse(began)).toReversed()
  return { installs: new Map(store.installs.map((r) => [r.id, r])), retained: new Map(store.retained.map((r) => [r.id, r])), backups: new Map(written.map((ref) => [ref.plugin, ref.name])) }
}

/** The backup that a change wrote, or read back once more; undefined where it made none. */
export function backupOf({ id, steps = [], effects }: Change, { retained, backups }: AfterApply): string | undefined {
  if (steps.some((step) => step.do === 'backup')) return retained.get(id)?.removal?.backup?.name ?? backups.get(id)
  return effects.migrations.some((m) => m.kind !== 'expand') ? backups.get(id) : undefined
}

/** What one change did to data, for machines; undefined for one that did nothing to any. */
export interface DataDone {
  readonly migrations: readonly string[]
  readonly kept: readonly DataClass[]
  readonly awaiting: readonly DataClass[]
  readonly quarantined: readonly { readonly class: DataClass; readonly purgeAt: string }[]
  readonly purged: readonly { readonly class: DataClass; readonly at: string }[]
  /** Written, or read back once more. */
  readonly backup: string | null
}

export function dataDone({ id, outcome }: ChangeOutcome, change: Change | undefined, after: AfterApply | undefined): DataDone | undefined {
  if (!change || !after || outcome !== 'applied' || (change.steps === undefined && change.effects.migrations.length === 0)) return undefined
  const removal = after.retained.get(id)?.removal
  const states = removal ? DATA_CLASSES.map((key) => ({ key, state: removal.classes[key] })) : []
  const are = (name: 'retained' | 'awaiting'): readonly DataClass[] => states.flatMap(({ key, state }) => (state.state === name ? [key] : []))
  return {
    migrations: change.effects.migrations.map((m) => m.id),
    kept: are('retained'),
    awaiting: are('awaiting'),
    quarantined: states.flatMap(({ key, state }) => (state.state === 'quarantined' ? [{ class: key, purgeAt: state.purgeAt }] : [])),
    purged: states.flatMap(({ key, state }) => (state.state === 'purged' ? [{ class: key, at: state.at }] : [])),
    backup: backupOf(change, after) ?? null,
  }
}
