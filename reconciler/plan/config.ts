import { checkConfig } from '../../schemas/config-schema.ts'
import type { Problem } from '../../schemas/errors.ts'
import type { Lock, LockBlock } from '../../schemas/lock.ts'
import type { Blocked, Notice } from '../../schemas/plan.ts'
import type { InstallRecord } from '../ports.ts'
import { changeOf, type Step } from './changes.ts'
import type { DesiredState, PlaceOf } from './desired.ts'
import { configDigest } from './sides.ts'

/** The config schema of a locked release as far as this machine knows it: its text, none, or why it cannot be told. */
export type ConfigSchema = { readonly schema: object | undefined } | { readonly unknown: string }

/** What became of checking configs, by plugin. What is in neither obeys its schema, or was checked when it was applied. */
export interface ConfigChecks {
  readonly invalid: ReadonlyMap<string, readonly Problem[]>
  /** Why a config could not be checked. */
  readonly unchecked: ReadonlyMap<string, string>
}

/** Locked plugins whose config or schema is not the one that was checked when it was applied. Pure. */
export function configsToCheck(desired: DesiredState, lock: Lock, installs: readonly InstallRecord[]): ReadonlyMap<string, LockBlock> {
  const wanted = new Map(desired.plugins.map((p) => [p.id, p]))
  const installed = new Map(installs.map((r) => [r.id, r]))
  const isChecked = (id: string, block: LockBlock): boolean => {
    const record = installed.get(id)
    return record !== undefined && record.block.configSchema === block.configSchema && record.configDigest === configDigest(wanted.get(id)?.config ?? {})
  }
  return new Map(Object.entries(lock.plugins).filter(([id, block]) => block.configSchema !== undefined && !isChecked(id, block)))
}

/** Checks configs as plugins.yaml has them: a reference satisfies any scalar. All problems, each with its place. Pure. */
export function checkConfigs(schemas: ReadonlyMap<string, ConfigSchema>, desired: DesiredState, placeOf: PlaceOf): ConfigChecks {
  const invalid = new Map<string, readonly Problem[]>()
  const unchecked = new Map<string, string>()
  for (const [id, found] of schemas) {
    if ('unknown' in found) unchecked.set(id, found.unknown)
    else if (found.schema) {
      const config = desired.plugins.find((p) => p.id === id)?.config ?? {}
      const problems = checkConfig(found.schema, config, (path) => placeOf(['plugins', id, 'config', ...path]) ?? (path.length === 0 ? placeOf(['plugins', id]) : undefined))
      if (problems.length > 0) invalid.set(id, problems.map((problem) => ({ ...problem, message: `${id}: ${problem.message}` })))
    }
  }
  return { invalid, unchecked }
}

/** Changes that wait because plugins.yaml configures a plugin in a way that it does not take. Consent is no way past this. */
export function configBlocks(steps: readonly Step[], checks: ConfigChecks | undefined): readonly Blocked[] {
  return steps.flatMap((step): readonly Blocked[] => {
    const [first, ...more] = checks?.invalid.get(step.id) ?? []
    if (!first || !step.to || step.repair) return []
    const { record, to, id } = step
    const present = record !== undefined && record.block.version !== to.version && record.configDigest === to.configDigest
    const why = present ? `${to.version} does not take the config that ${record.block.version} works with` : `${id} ${to.version} does not take its config in plugins.yaml`
    const others = more.length > 0 ? ` (and ${more.length} more)` : ''
    return [{ id, action: changeOf(step).action, code: 'CONFIG_INVALID', reason: `${why}: ${first.message.slice(id.length + 2)}${others}`, hint: `Correct \`config\` of ${id} in plugins.yaml${record ? `; until then ${record.block.version} stays` : ''}.`, to: to.version }]
  })
}

/** What a reader must not take for well: configs that nobody could check here. */
export function configNotices(steps: readonly Step[], checks: ConfigChecks | undefined): readonly Notice[] {
  return steps.flatMap(({ id, to }): readonly Notice[] => {
    const why = checks?.unchecked.get(id)
    if (why === undefined || !to) return []
    return [{ id, code: 'ConfigUnchecked', message: `the config of ${id} ${to.version} could not be checked here: ${why}`, hint: 'apply checks it before anything of it goes live.' }]
  })
}
