import type { Signable } from '../../catalog/tuf/ceremony.ts'
import { signersOf, type PublicKey, type RoleKeys, type RootSigned, type TargetsSigned } from '../../catalog/tuf/metadata.ts'

/** One role and who may sign for it. */
export interface ShownRole {
  readonly role: string
  readonly threshold: number
  /** Names, with the beginning of the key's id. */
  readonly keys: readonly string[]
  readonly expires: string | undefined
}

/** Roles as the newest root and delegations have them, staged ones included. */
export function rolesOf(files: readonly Signable[]): readonly ShownRole[] {
  return files.flatMap(({ file, data: { signed } }) => {
    if (signed._type === 'root') return rolesOfRoot(signed)
    if (file.endsWith('/targets.json') && signed._type === 'targets') return rolesOfTargets(signed)
    return []
  })
}

function rolesOfRoot({ keys, roles, expires }: RootSigned): readonly ShownRole[] {
  return (['root', 'targets', 'snapshot', 'timestamp'] as const).map((role) => shown(role, roles[role], keys, role === 'root' ? expires : undefined))
}

function rolesOfTargets({ delegations, expires }: TargetsSigned): readonly ShownRole[] {
  return (delegations?.roles ?? []).map((role) => shown(role.name, role, delegations?.keys ?? {}, role.name === 'entries' ? expires : undefined))
}

function shown(role: string, { keyids, threshold }: RoleKeys, keys: Readonly<Record<string, PublicKey>>, expires: string | undefined): ShownRole {
  return { role, threshold, keys: keyids.map((id) => nameOf(id, keys)), expires }
}

function nameOf(id: string, keys: Readonly<Record<string, PublicKey>>): string {
  const key = Object.hasOwn(keys, id) ? keys[id] : undefined
  return `${key?.['x-catalyst-name'] ?? 'key'} (${id.slice(0, 8)})`
}

/** Files that wait for signatures, how many, and who signed already. */
export function waitingOf(files: readonly Signable[]): readonly { readonly file: string; readonly missing: number; readonly by: readonly string[] }[] {
  return files.flatMap(({ file, data, keys, missingOf }) => {
    const missing = missingOf(data)
    return missing === 0 ? [] : [{ file, missing, by: signersOf(data, keys).map((id) => nameOf(id, keys)) }]
  })
}

/** What a root or a delegation says of keys, in one line: who signs it should see that. */
export function keyNames({ data: { signed } }: Signable): string {
  const roles = signed._type === 'root' ? rolesOfRoot(signed) : signed._type === 'targets' ? [...rolesOfTargets(signed), ...rolesOfBins(signed)] : []
  return roles.length === 0 ? `version ${signed.version}` : roles.map(({ role, threshold, keys }) => `${role} ${threshold} of ${keys.join(', ')}`).join('; ')
}

function rolesOfBins({ delegations }: TargetsSigned): readonly ShownRole[] {
  const bins = delegations?.succinct_roles
  return bins ? [shown(`${2 ** bins.bit_length} bins`, bins, delegations.keys, undefined)] : []
}
