import { byCodeUnit } from '../../schemas/digest.ts'
import type { MigrationRef } from '../../schemas/common.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import { permissionExcess } from '../../schemas/permissions.ts'
import type { ConsentNeed } from '../../schemas/plan.ts'
import { upgradeLevel } from '../../schemas/versions.ts'
import type { InstallRecord } from '../ports.ts'
import type { Step } from './changes.ts'

/**
 * What a change of version may break for the store, for other plugins or for the data: each with the word that consents
 * to it. `installs` tells who is there to be hurt. Pure; empty for an installation, which has nothing to break.
 */
export function breakingNeeds(step: Step, to: LockBlock, installs: readonly InstallRecord[]): readonly ConsentNeed[] {
  const { record, retained } = step
  const migrations = migrationNeeds(record?.block ?? retained, to, { pending: step.data?.pending, runs: record?.enabled ?? false })
  if (!record) return migrations
  return [...majorNeed(record.block, to), ...lostProvides(step.id, record.block, to, installs), ...lostHooks(record.block, to), ...permissionNeeds(record, to), ...migrations]
}

function majorNeed(from: LockBlock, to: LockBlock): readonly ConsentNeed[] {
  if (upgradeLevel(from.version, to.version) !== 'major') return []
  return [{ accept: 'major', why: `${from.version} -> ${to.version} is a major step: what worked may stop working` }]
}

function lostProvides(id: string, from: LockBlock, to: LockBlock, installs: readonly InstallRecord[]): readonly ConsentNeed[] {
  const lost = from.provides.filter((what) => !to.provides.includes(what))
  if (lost.length === 0) return []
  const users = installs.filter((r) => Object.hasOwn(r.block.dependencies, id)).map((r) => `${r.id} ${r.block.version}`).sort(byCodeUnit)
  const who = users.length === 0 ? 'no installed plugin depends on it' : `${users.join(', ')} ${users.length === 1 ? 'depends' : 'depend'} on it and may use that`
  return [{ accept: 'breaking', why: `it no longer provides ${lost.join(', ')}: ${who}` }]
}

function lostHooks(from: LockBlock, to: LockBlock): readonly ConsentNeed[] {
  const lost = from.permissions.hooks.filter((hook) => !to.permissions.hooks.includes(hook))
  return lost.length === 0 ? [] : [{ accept: 'breaking', why: `it no longer listens to ${lost.join(', ')}: what it did then is not done any more` }]
}

/** A grant that was widened since the last apply is consent given in git; one that always was wide enough is not consent to this. */
function permissionNeeds(record: InstallRecord, to: LockBlock): readonly ConsentNeed[] {
  const added = permissionExcess(to.permissions, record.block.permissions)
  const decided = new Set(permissionExcess(to.permissions, record.grant).map((e) => `${e.kind} ${e.what}`))
  const silent = added.map((e) => `${e.kind} ${e.what}`).filter((text) => !decided.has(text))
  return silent.length === 0 ? [] : [{ accept: 'breaking', why: `it asks for more than before, and the grant allows it already: ${silent.join(', ')}` }]
}

/** `pending` are those that will run, where the database was asked; else those that the block before did not have. `runs`: the older code is live. */
function migrationNeeds(from: LockBlock | undefined, to: LockBlock, { pending, runs }: { readonly pending: readonly MigrationRef[] | undefined; readonly runs: boolean }): readonly ConsentNeed[] {
  if (!from) return []
  const known = new Set(from.migrations.map((m) => m.id))
  const fresh = pending ?? to.migrations.filter((m) => !known.has(m.id))
  const breaking = fresh.filter((m) => m.kind === 'breaking').map((m) => m.id)
  const final = fresh.filter((m) => !m.down).map((m) => m.id)
  return [
    ...(breaking.length > 0 ? [{ accept: 'breaking', why: `${migrations(breaking)} with ${runs ? 'running code: it is switched off meanwhile' : `${from.version}, which does not run now: ${from.version} cannot use its tables afterwards`}` } as const] : []),
    ...(final.length > 0 ? [{ accept: 'irreversible', why: `${final.length === 1 ? 'migration' : 'migrations'} ${final.join(', ')} ${final.length === 1 ? 'has' : 'have'} no way back but a backup` } as const] : []),
  ]
}

function migrations(ids: readonly string[]): string {
  return ids.length === 1 ? `migration ${ids[0]} breaks` : `migrations ${ids.join(', ')} break`
}
