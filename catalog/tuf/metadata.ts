import { createHash, createPublicKey, verify } from 'node:crypto'
import { canonicalize } from '@tufjs/canonical-json'
import { Metadata, MetadataKind, TargetFile, Targets } from '@tufjs/models'
import { CatalystError } from '../../schemas/errors.ts'

/*
 * TUF metadata as JSON (specification 1.0.31, section 4), and the door to the TUF libraries. Maps are written by hand:
 * the classes of @tufjs/models copy a map once for each of its entries. What people hand in is read by those classes.
 */

export const SPEC_VERSION = '1.0.31'

/** A public key as metadata holds it (4.2). */
export interface PublicKey {
  readonly keytype: 'ed25519'
  readonly scheme: 'ed25519'
  readonly keyval: { readonly public: string }
  /** Whose it is, for people; part of what is signed. */
  readonly 'x-catalyst-name'?: string
}

export interface RoleKeys {
  readonly keyids: readonly string[]
  readonly threshold: number
}

interface Common {
  readonly spec_version: string
  readonly version: number
  readonly expires: string
}

export type TopRole = 'root' | 'targets' | 'snapshot' | 'timestamp'

export interface RootSigned extends Common {
  readonly _type: 'root'
  readonly consistent_snapshot: true
  readonly keys: Readonly<Record<string, PublicKey>>
  readonly roles: Readonly<Record<TopRole, RoleKeys>>
  /** Made once, kept by every rotation: tells one registry's history of versions from another's. */
  readonly 'x-catalyst-lineage'?: string
}

export interface TargetInfo {
  readonly length: number
  readonly hashes: { readonly sha256: string }
}

export interface SuccinctRoles extends RoleKeys {
  readonly bit_length: number
  readonly name_prefix: string
}

export interface DelegatedRole extends RoleKeys {
  readonly name: string
  readonly terminating: boolean
  readonly paths: readonly string[]
}

export interface TargetsSigned extends Common {
  readonly _type: 'targets'
  readonly targets: Readonly<Record<string, TargetInfo>>
  readonly delegations?: { readonly keys: Readonly<Record<string, PublicKey>>; readonly roles?: readonly DelegatedRole[]; readonly succinct_roles?: SuccinctRoles }
}

export interface MetaFile {
  readonly version: number
  readonly length?: number
  readonly hashes?: { readonly sha256: string }
}

export interface SnapshotSigned extends Common {
  readonly _type: 'snapshot'
  readonly meta: Readonly<Record<string, MetaFile>>
}

export interface TimestampSigned extends Common {
  readonly _type: 'timestamp'
  readonly meta: { readonly 'snapshot.json': MetaFile }
}

export type Signed = RootSigned | TargetsSigned | SnapshotSigned | TimestampSigned

export interface Signature {
  readonly keyid: string
  readonly sig: string
}

/** What a metadata file holds (4.1): the signed part and who signed. */
export interface Envelope<S extends Signed> {
  readonly signatures: readonly Signature[]
  readonly signed: S
}

/** A private key that can be used. */
export interface Signer {
  readonly keyid: string
  readonly key: PublicKey
  sign(data: Uint8Array): Buffer
}

/** sha256 of the key's canonical JSON (4.2). */
export function keyIdOf(key: PublicKey): string {
  return createHash('sha256').update(canonicalize(key)).digest('hex')
}

/** Unsigned, or signed by each of these. */
export function envelope<S extends Signed>(signed: S, signers: readonly Signer[] = []): Envelope<S> {
  const data = signedBytes(signed)
  return { signatures: signers.map((signer) => ({ keyid: signer.keyid, sig: signer.sign(data).toString('hex') })), signed }
}

/** The same with a signature of this key, put in place of an older one of it. */
export function withSignature<S extends Signed>({ signed, signatures }: Envelope<S>, signer: Signer): Envelope<S> {
  return { signatures: [...signatures.filter((s) => s.keyid !== signer.keyid), ...envelope(signed, [signer]).signatures], signed }
}

/** The file: canonical, so that the same metadata is the same file. */
export function bytesOfEnvelope(data: Envelope<Signed>): Buffer {
  return Buffer.from(`${canonicalize(data)}\n`)
}

/** The keys of these that really signed (6.: a key counts once, whatever the file says). */
export function signersOf({ signed, signatures }: Envelope<Signed>, keys: Readonly<Record<string, PublicKey>>): readonly string[] {
  const data = signedBytes(signed)
  const good = signatures.filter(({ keyid, sig }) => {
    const key = Object.hasOwn(keys, keyid) ? keys[keyid] : undefined
    return key !== undefined && signatureHolds(key, data, sig)
  })
  return [...new Set(good.map(({ keyid }) => keyid))]
}

/** Those of a role's keys that signed, and how many more must. */
export function signatureState(data: Envelope<Signed>, keys: Readonly<Record<string, PublicKey>>, role: RoleKeys): { readonly by: readonly string[]; readonly missing: number } {
  const by = signersOf(data, keys).filter((keyid) => role.keyids.includes(keyid))
  return { by, missing: Math.max(0, role.threshold - by.length) }
}

const KINDS = { root: MetadataKind.Root, targets: MetadataKind.Targets, snapshot: MetadataKind.Snapshot, timestamp: MetadataKind.Timestamp } as const

/** Reads metadata of one kind, and refuses what the client's library would not read. @throws CatalystError INDEX_INVALID */
export function readMetadata<S extends Signed>(kind: S['_type'], bytes: Uint8Array, file: string): Envelope<S> {
  try {
    const data = JSON.parse(Buffer.from(bytes).toString('utf8'))
    const { targets } = data.signed
    // One by one: the library needs quadratic time for the map of them.
    if (targets) for (const [path, info] of Object.entries(targets)) TargetFile.fromJSON(path, info as never)
    Metadata.fromJSON(KINDS[kind] as MetadataKind.Root, targets ? { ...data, signed: { ...data.signed, targets: {} } } : data)
    return data as Envelope<S>
  } catch (error) {
    throw new CatalystError('INDEX_INVALID', `${file} is no TUF ${kind} metadata: ${error instanceof Error ? error.message : String(error)}`, { cause: error, hint: 'Restore the file from git.' })
  }
}

/** Which bin of a set holds a path (TAP 15), for any number of paths. */
export function binFinder(roles: SuccinctRoles): { binOf(path: string): string; readonly bins: readonly string[] } {
  const { delegations } = Targets.fromJSON({ _type: 'targets', spec_version: SPEC_VERSION, version: 1, expires: '2000-01-01T00:00:00Z', targets: {}, delegations: { keys: {}, succinct_roles: { ...roles, keyids: [...roles.keyids] } } })
  const succinct = delegations?.succinctRoles
  if (!succinct) throw new CatalystError('INDEX_INVALID', `${roles.name_prefix}: not a set of hashed bins`)
  return { binOf: (path) => succinct.getRoleForTarget(path), bins: [...succinct.getRoles()] }
}

/** Moments as metadata writes them: UTC, whole seconds (4.1). */
export function expiryAfter(now: string, days: number): string {
  return new Date(Math.floor(Date.parse(now) / 1000) * 1000 + days * 86_400_000).toISOString().replace('.000Z', 'Z')
}

function signedBytes(signed: Signed): Buffer {
  return Buffer.from(canonicalize(signed))
}

/** DER of an Ed25519 public key up to its 32 bytes (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

function signatureHolds(key: PublicKey, data: Buffer, sig: string): boolean {
  try {
    const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, Buffer.from(key.keyval.public, 'hex')]), format: 'der', type: 'spki' })
    return verify(null, data, publicKey, Buffer.from(sig, 'hex'))
  } catch {
    return false
  }
}
