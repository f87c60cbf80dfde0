import { CatalystError } from '../../schemas/errors.ts'
import { SIGNED, type Delegation } from './layout.ts'
import { readMetadata, signatureState, type Envelope, type PublicKey, type RoleKeys, type RootSigned, type SuccinctRoles, type TargetsSigned } from './metadata.ts'

/* What people sign, as it lies under `tuf/` of the registry's repository: the chain of roots, the delegations, and the entries' bins. */

/** Reads a file of the repository by its path; undefined when there is none. */
export type ReadFile = (path: string) => Promise<Uint8Array | undefined>

export interface RootFile {
  readonly bytes: Uint8Array
  readonly data: Envelope<RootSigned>
}

/** The chain of roots from the first one on. */
export interface Roots {
  /** Each signed by enough keys of its own and of the one before it (5.3.4). */
  readonly complete: readonly RootFile[]
  /** The next one, while signatures are missing. */
  readonly staged: Envelope<RootSigned> | undefined
}

/** @throws CatalystError FILE_NOT_FOUND when the registry has no keys yet, INDEX_INVALID for a chain that does not hold */
export async function readRoots(read: ReadFile): Promise<Roots> {
  const complete: RootFile[] = []
  for (let version = 1; ; version++) {
    const path = SIGNED.root(version)
    const bytes = await read(path)
    if (!bytes) break
    const data = readMetadata<RootSigned>('root', bytes, path)
    if (data.signed.version !== version) throw new CatalystError('INDEX_INVALID', `${path} says that it is version ${data.signed.version}`)
    if (missingOfRoot(data, complete.at(-1)?.data.signed) > 0) return { complete, staged: data }
    complete.push({ bytes, data })
  }
  if (complete.length === 0) throw new CatalystError('FILE_NOT_FOUND', `${SIGNED.root(1)}: this registry has no keys yet`, { hint: 'Make them: `catalyst registry keys init`.' })
  return { complete, staged: undefined }
}

/** Signatures that a root still needs: of its own keys, and of the keys of the root before it. */
export function missingOfRoot(data: Envelope<RootSigned>, before: RootSigned | undefined): number {
  const own = signatureState(data, data.signed.keys, data.signed.roles.root).missing
  return before ? Math.max(own, signatureState(data, before.keys, before.roles.root).missing) : own
}

/** The root that counts now. @throws CatalystError SIGNATURES_MISSING while the first one is not signed */
export function currentRoot({ complete, staged }: Roots): RootSigned {
  const newest = complete.at(-1)?.data.signed
  if (newest) return newest
  const { version = 1 } = staged?.signed ?? {}
  throw new CatalystError('SIGNATURES_MISSING', `${SIGNED.root(version)} waits for signatures`)
}

/** Metadata of a role that people sign, with the keys that must have. */
export interface Judged {
  readonly role: string
  readonly data: Envelope<TargetsSigned>
  readonly by: readonly string[]
  readonly missing: number
}

/** Reads one of them. Undefined when there is none. */
export async function readRole(read: ReadFile, role: string, keys: Readonly<Record<string, PublicKey>>, who: RoleKeys): Promise<Judged | undefined> {
  const data = await readEnvelope(read, role)
  return data && { role, data, ...signatureState(data, keys, who) }
}

/** The same, whoever signed it. @throws CatalystError INDEX_INVALID */
export async function readEnvelope(read: ReadFile, role: string): Promise<Envelope<TargetsSigned> | undefined> {
  const path = SIGNED.role(role)
  const bytes = await read(path)
  return bytes && readMetadata<TargetsSigned>('targets', bytes, path)
}

/** One delegation of the top-level targets, with its keys. @throws CatalystError INDEX_INVALID */
export function delegation(targets: TargetsSigned, name: Delegation): { readonly keys: Readonly<Record<string, PublicKey>>; readonly who: RoleKeys } {
  const who = targets.delegations?.roles?.find((role) => role.name === name)
  if (!who || !targets.delegations) throw new CatalystError('INDEX_INVALID', `${SIGNED.role('targets')} delegates nothing to ${name}`)
  return { keys: targets.delegations.keys, who }
}

/** The hashed bins of a delegated role. @throws CatalystError INDEX_INVALID */
export function binsOf(role: TargetsSigned, name: string): { readonly keys: Readonly<Record<string, PublicKey>>; readonly who: SuccinctRoles } {
  const who = role.delegations?.succinct_roles
  if (!who || !role.delegations) throw new CatalystError('INDEX_INVALID', `${name} has no hashed bins`)
  return { keys: role.delegations.keys, who }
}
