import type { Problem } from '../schemas/errors.ts'
import type { Lock } from '../schemas/lock.ts'
import { checkConfigs, configsToCheck, type ConfigChecks, type ConfigSchema } from '../reconciler/plan/config.ts'
import type { DesiredState, PlaceOf } from '../reconciler/plan/desired.ts'
import type { InstallRecord } from '../reconciler/ports.ts'
import type { House } from './compose.ts'

/** What plugins.yaml says, the lock that answers it, and where each clause stands. */
export interface Said {
  readonly desired: DesiredState
  readonly lock: Lock
  readonly placeOf: PlaceOf
}

/**
 * Checks the config of every plugin whose config or schema is not the one that `installs` were applied with. `known` are
 * schemas that somebody has in hand. With `offline` only what is on this machine is looked at.
 */
export async function configChecks(house: House, { desired, lock, placeOf }: Said, installs: readonly InstallRecord[], options: { readonly offline: boolean; readonly known?: ReadonlyMap<string, object | undefined> }): Promise<ConfigChecks> {
  const asked = configsToCheck(desired, lock, installs)
  if (asked.size === 0) return { invalid: new Map(), unchecked: new Map() }
  const inHand = [...asked.keys()].filter((id) => options.known?.has(id))
  const given = inHand.map((id): readonly [string, ConfigSchema] => [id, { schema: options.known?.get(id) }])
  const others = new Map([...asked].filter(([id]) => !inHand.includes(id)))
  const found = others.size === 0 ? [] : [...(await house.configSchemas(desired, others, options))]
  const schemas = new Map([...given, ...found].sort(([a], [b]) => (a < b ? -1 : 1)))
  return checkConfigs(schemas, desired, placeOf)
}

/** What is wrong, for people and exit codes: every problem of every config. */
export function invalidConfigs({ invalid }: ConfigChecks): readonly Problem[] {
  return [...invalid.values()].flat()
}

/** What could not be checked, as warnings where no plan says it. */
export function uncheckedConfigs({ unchecked }: ConfigChecks): readonly Problem[] {
  return [...unchecked].map(([id, why]) => ({ code: 'CONFIG_UNCHECKED', message: `the config of ${id} could not be checked: ${why}`, severity: 'warning' }))
}
