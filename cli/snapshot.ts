import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { canonicalJson, type Digest } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import type { ObservedState } from '../reconciler/plan/observed.ts'
import type { GenerationRecord, InstallRecord } from '../reconciler/ports.ts'

/*
 * The state of a store, signed, for machines that plan but cannot reach it (a pull request's runner). Ed25519 over the
 * RFC 8785 JSON of everything but the signature.
 */

const FORMAT_VERSION = 1

interface SignedSnapshot {
  readonly formatVersion: number
  readonly store: string
  readonly takenAt: string
  readonly observed: { readonly store: ObservedState['store']; readonly live: readonly (readonly [string, Digest])[] | null } & Outliving
  readonly signature: string
}

/** The snapshot as it is printed by `status --snapshot`. `privateKey` is PEM. @throws CatalystError USAGE for a key that is no Ed25519 private key */
export function signedSnapshot(observed: ObservedState, about: { readonly store: string; readonly takenAt: string }, privateKey: string): SignedSnapshot {
  const body = { formatVersion: FORMAT_VERSION, ...about, observed: { store: travelling(observed.store), live: observed.live ? [...observed.live] : null, ...outliving(observed) } }
  return { ...body, signature: sign(null, Buffer.from(canonicalJson(body)), signingKey(privateKey)).toString('base64') }
}

/** What was seen of plugins' data: a plan without it would say other things of removals than the store itself does. */
const OUTLIVING = ['inventories', 'dataFolders', 'uses', 'applied', 'backups'] as const
type Outliving = { readonly [K in (typeof OUTLIVING)[number]]?: readonly (readonly [string, unknown])[] }

function outliving(observed: ObservedState): Outliving {
  return Object.fromEntries(OUTLIVING.flatMap((key) => (observed[key] ? [[key, [...observed[key]]]] : [])))
}

function lookedAt(signed: Outliving): Pick<ObservedState, (typeof OUTLIVING)[number]> {
  return Object.fromEntries(OUTLIVING.flatMap((key) => (signed[key] ? [[key, new Map(signed[key])]] : [])))
}

/** What leaves the store's machine: records without the configs that they keep for backups. People write into those what is for nobody else. */
function travelling(store: ObservedState['store']): ObservedState['store'] {
  const bare = ({ config: _config, ...record }: InstallRecord): InstallRecord => record
  const generation = (g: GenerationRecord): GenerationRecord => ({ ...g, plugins: Object.fromEntries(Object.entries(g.plugins).map(([id, plugin]) => [id, { ...plugin, record: bare(plugin.record) }])) })
  const generations = store.generations.map(generation)
  return { ...store, installs: store.installs.map(bare), generations, generation: store.generation && generation(store.generation) }
}

const MAKE_A_PAIR = 'Make a pair: openssl genpkey -algorithm ed25519 -out snapshot.pem && openssl pkey -in snapshot.pem -pubout -out snapshot.pub'

/** The cause is left out: what node:crypto says of a key may quote from it. */
function signingKey(pem: string): KeyObject {
  const key = keyFrom(() => createPrivateKey(pem))
  if (key?.asymmetricKeyType === 'ed25519') return key
  throw new CatalystError('USAGE', 'the snapshot key is no Ed25519 private key in PEM', { hint: MAKE_A_PAIR })
}

/** A private key would do as well, but whoever has it lying beside the snapshot could sign another one. */
function checkingKey(pem: string): KeyObject {
  const key = keyFrom(() => createPublicKey(pem))
  if (key?.asymmetricKeyType === 'ed25519' && keyFrom(() => createPrivateKey(pem)) === undefined) return key
  throw new CatalystError('USAGE', 'the key of the snapshot is no Ed25519 public key in PEM', { hint: MAKE_A_PAIR })
}

function keyFrom(read: () => KeyObject): KeyObject | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** A store as it was when it was last asked. */
export interface Snapshot {
  readonly observed: ObservedState
  readonly takenAt: string
}

/** Reads a snapshot back; nothing of it counts before its signature holds. @throws CatalystError SIGNATURE_INVALID, IDENTITY_MISMATCH (another store), UNSUPPORTED_FORMAT, JSON_SYNTAX, USAGE */
export function readSnapshot(text: string, store: string, publicKey: string): Snapshot {
  const snapshot = parse(text)
  const { signature, ...body } = snapshot
  if (!isSigned(body, signature, checkingKey(publicKey))) throw new CatalystError('SIGNATURE_INVALID', 'the snapshot of the store was not signed by the key given', { hint: 'Take a new one on a machine that reaches the store: catalyst status --snapshot --snapshot-key KEY.' })
  if (snapshot.formatVersion !== FORMAT_VERSION) throw new CatalystError('UNSUPPORTED_FORMAT', `the snapshot has format ${snapshot.formatVersion}, this version reads ${FORMAT_VERSION}`)
  if (snapshot.store !== store) throw new CatalystError('IDENTITY_MISMATCH', `the snapshot is of store ${snapshot.store}, plugins.yaml is of ${store}`)
  const { live } = snapshot.observed
  return { observed: { store: snapshot.observed.store, live: live ? new Map(live) : undefined, damaged: new Map(), ...lookedAt(snapshot.observed) }, takenAt: snapshot.takenAt }
}

function parse(text: string): SignedSnapshot {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as SignedSnapshot
  } catch (error) {
    throw new CatalystError('JSON_SYNTAX', 'the snapshot is not JSON', { cause: error })
  }
  throw new CatalystError('JSON_SYNTAX', 'the snapshot is JSON, but no object')
}

function isSigned(body: unknown, signature: unknown, key: KeyObject): boolean {
  try {
    return typeof signature === 'string' && verify(null, Buffer.from(canonicalJson(body)), key, Buffer.from(signature, 'base64'))
  } catch {
    // Not the text that RFC 8785 can write, so never the text that was signed.
    return false
  }
}
