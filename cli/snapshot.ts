import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { canonicalJson, type Digest } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import type { ObservedState } from '../reconciler/plan/observed.ts'

/*
 * The state of a store, signed, for machines that plan but cannot reach it (a pull request's runner). Ed25519 over the
 * RFC 8785 JSON of everything but the signature.
 */

const FORMAT_VERSION = 1

interface SignedSnapshot {
  readonly formatVersion: number
  readonly store: string
  readonly takenAt: string
  readonly observed: { readonly store: ObservedState['store']; readonly live: readonly (readonly [string, Digest])[] | null }
  readonly signature: string
}

/** The snapshot as it is printed by `status --snapshot`. `privateKey` is PEM. @throws CatalystError USAGE for a key that is no Ed25519 private key */
export function signedSnapshot(observed: ObservedState, about: { readonly store: string; readonly takenAt: string }, privateKey: string): SignedSnapshot {
  const body = { formatVersion: FORMAT_VERSION, ...about, observed: { store: observed.store, live: observed.live ? [...observed.live] : null } }
  try {
    return { ...body, signature: sign(null, Buffer.from(canonicalJson(body)), createPrivateKey(privateKey)).toString('base64') }
  } catch (error) {
    throw new CatalystError('USAGE', 'the snapshot key is no Ed25519 private key in PEM', { cause: error, hint: 'Make a pair: openssl genpkey -algorithm ed25519 -out snapshot.pem && openssl pkey -in snapshot.pem -pubout -out snapshot.pub' })
  }
}

/** Reads a snapshot back. @throws CatalystError SIGNATURE_INVALID, IDENTITY_MISMATCH (another store), UNSUPPORTED_FORMAT, JSON_SYNTAX */
export function readSnapshot(text: string, store: string, publicKey: string): { readonly observed: ObservedState; readonly takenAt: string } {
  const snapshot = parse(text)
  const { signature, ...body } = snapshot
  if (!isSigned(body, signature, publicKey)) throw new CatalystError('SIGNATURE_INVALID', 'the snapshot of the store was not signed by the key given', { hint: 'Take a new one on a machine that reaches the store: catalyst status --snapshot --snapshot-key KEY.' })
  if (snapshot.formatVersion !== FORMAT_VERSION) throw new CatalystError('UNSUPPORTED_FORMAT', `the snapshot has format ${snapshot.formatVersion}, this version reads ${FORMAT_VERSION}`)
  if (snapshot.store !== store) throw new CatalystError('IDENTITY_MISMATCH', `the snapshot is of store ${snapshot.store}, plugins.yaml is of ${store}`)
  const { live } = snapshot.observed
  return { observed: { store: snapshot.observed.store, live: live ? new Map(live) : undefined, damaged: new Map() }, takenAt: snapshot.takenAt }
}

function parse(text: string): SignedSnapshot {
  try {
    return JSON.parse(text) as SignedSnapshot
  } catch (error) {
    throw new CatalystError('JSON_SYNTAX', 'the snapshot is not JSON', { cause: error })
  }
}

function isSigned(body: unknown, signature: string, publicKey: string): boolean {
  try {
    const key = createPublicKey(publicKey)
    return key.asymmetricKeyType === 'ed25519' && verify(null, Buffer.from(canonicalJson(body)), key, Buffer.from(signature, 'base64'))
  } catch {
    return false
  }
}
