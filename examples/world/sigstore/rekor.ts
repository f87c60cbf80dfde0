import { canonicalJson } from '../../../schemas/digest.ts'
import { MerkleTree } from './merkle-tree.ts'
import { SigningKey, sha256Bytes } from './signing-key.ts'

/** An entry that a signer asks Rekor's version 1 API to log: kind `dsse` or `hashedrekord`, version 0.0.1. */
export interface ProposedEntry {
  readonly apiVersion: string
  readonly kind: string
  readonly spec: Readonly<Record<string, unknown>>
}

/** What Rekor answers about one entry. `body` is base64, hashes are hexadecimal. */
export interface LogEntry {
  readonly body: string
  readonly integratedTime: number
  readonly logID: string
  readonly logIndex: number
  readonly verification: {
    readonly signedEntryTimestamp: string
    readonly inclusionProof: { readonly logIndex: number; readonly treeSize: number; readonly rootHash: string; readonly hashes: readonly string[]; readonly checkpoint: string }
  }
}

/** Rekor's transparency log, version 1: a true Merkle tree, a signed promise for every entry and a signed checkpoint. */
export class Rekor {
  readonly #key = new SigningKey()
  readonly #tree = new MerkleTree()
  /** The name in checkpoints; a trusted root's `baseUrl` of this log must contain it. */
  readonly origin: string

  constructor(origin: string) {
    this.origin = origin
  }

  get publicKey(): Buffer {
    return this.#key.spki
  }

  /** `POST /api/v1/log/entries`. */
  log(proposed: ProposedEntry, at: Date): LogEntry {
    const canonical = Buffer.from(canonicalJson(proposed.kind === 'dsse' ? storedDsse(proposed) : proposed))
    const logIndex = this.#tree.append(canonical)
    const head = { body: canonical.toString('base64'), integratedTime: Math.floor(at.getTime() / 1000), logIndex, logID: this.#key.id.toString('hex') }
    const signedEntryTimestamp = this.#key.sign(Buffer.from(canonicalJson(head))).toString('base64')
    return { ...head, verification: { signedEntryTimestamp, inclusionProof: this.#proof(logIndex) } }
  }

  #proof(logIndex: number): LogEntry['verification']['inclusionProof'] {
    const root = this.#tree.root()
    const hashes = this.#tree.path(logIndex).map((hash) => hash.toString('hex'))
    return { logIndex, treeSize: this.#tree.size, rootHash: root.toString('hex'), hashes, checkpoint: this.#checkpoint(root) }
  }

  /** A signed note (transparency-dev/formats, "checkpoint"): origin, size, root; then name and key hint + signature. */
  #checkpoint(root: Buffer): string {
    const note = `${this.origin}\n${this.#tree.size}\n${root.toString('base64')}\n`
    const signature = Buffer.concat([this.#key.id.subarray(0, 4), this.#key.sign(Buffer.from(note))])
    return `${note}\n— ${this.origin} ${signature.toString('base64')}\n`
  }
}

/** Rekor keeps digests of a DSSE envelope, not the envelope (rekor/pkg/types/dsse). */
function storedDsse(proposed: ProposedEntry): ProposedEntry {
  const { envelope, verifiers } = proposed.spec.proposedContent as { envelope: string; verifiers: string[] }
  const parsed = JSON.parse(envelope) as { payload: string; signatures: { sig: string }[] }
  const digest = (data: string | Uint8Array): unknown => ({ algorithm: 'sha256', value: sha256Bytes(data).toString('hex') })
  const signatures = parsed.signatures.map(({ sig }, i) => ({ signature: sig, verifier: verifiers[i] }))
  return { apiVersion: '0.0.1', kind: 'dsse', spec: { envelopeHash: digest(envelope), payloadHash: digest(Buffer.from(parsed.payload, 'base64')), signatures } }
}
