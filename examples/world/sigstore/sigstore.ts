import { bundleOf, dsseEntry, hashedRekordEntry, preAuthEncoding } from './bundle.ts'
import type { BundleJson, Witnessed } from './bundle.ts'
import { CertificateLog } from './certificate-log.ts'
import { Fulcio } from './fulcio.ts'
import { claimsOfRun, identityOfClaims } from './identity.ts'
import type { Identity, WorkflowRun } from './identity.ts'
import { IN_TOTO, provenance } from './provenance.ts'
import type { Statement } from './provenance.ts'
import { Rekor } from './rekor.ts'
import { SigningKey, sha256Bytes } from './signing-key.ts'
import { TimestampAuthority } from './timestamp-authority.ts'
import { trustedRootOf } from './trusted-root.ts'

/** How a signature is made. */
export interface SigningOptions {
  /** When it is made; default now. Whole seconds count. Any time inside the trusted root's validity. */
  readonly at?: Date
  /** Who saw it: the transparency log (default), a timestamp authority (as for GitHub's private repositories), or both. */
  readonly witness?: 'log' | 'authority' | 'both'
}

export interface ProvenanceOptions extends SigningOptions {
  /** The subject's name; default `artifact`. */
  readonly name?: string
  /** States this instead of provenance for the artifact. */
  readonly statement?: Statement
  /** DSSE payload type; default in-toto's. */
  readonly payloadType?: string
}

/** Start and end of everything that the instance's trusted root vouches for. */
const VALIDITY = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2049-12-31T00:00:00Z') }

/**
 * A private Sigstore: Fulcio, a certificate log, Rekor and a timestamp authority with fresh keys that live in memory.
 * Signing in this process takes about a millisecond; the same services answer over HTTP for real clients. Two
 * instances do not trust each other.
 */
export class Sigstore {
  readonly certificateLog = new CertificateLog()
  readonly fulcio: Fulcio
  readonly rekor: Rekor
  readonly timestampAuthority: TimestampAuthority

  constructor(options: { organization?: string; origin?: string } = {}) {
    const organization = options.organization ?? 'world.localhost'
    this.fulcio = new Fulcio({ organization, log: this.certificateLog, validity: VALIDITY })
    this.rekor = new Rekor(options.origin ?? `rekor.${organization}`)
    this.timestampAuthority = new TimestampAuthority({ organization, validity: VALIDITY })
  }

  /** TrustedRoot JSON (sigstore/protobuf-specs, sigstore_trustroot.proto) of this instance. */
  get trustedRoot(): Record<string, unknown> {
    return trustedRootOf(this, VALIDITY.notBefore)
  }

  /** A DSSE bundle with SLSA provenance v1 (or `options.statement`) for an artifact's bytes, signed by a workflow run. */
  attest(artifact: Uint8Array, run: WorkflowRun, options: ProvenanceOptions = {}): BundleJson {
    const subject = { name: options.name ?? 'artifact', sha256: sha256Bytes(artifact).toString('hex') }
    return this.signStatement(options.statement ?? provenance(subject, run), identityOfClaims(claimsOfRun(run)), options)
  }

  /** A DSSE bundle of any JSON payload, signed by any identity. */
  signStatement(payload: unknown, identity: Identity, options: SigningOptions & { payloadType?: string } = {}): BundleJson {
    const payloadType = options.payloadType ?? IN_TOTO
    const bytes = Buffer.from(JSON.stringify(payload))
    const at = wholeSecond(options.at)
    const key = new SigningKey()
    const certificate = this.fulcio.issue(key.spki, identity, at)
    const signature = key.sign(preAuthEncoding(payloadType, bytes))
    const dsseEnvelope = { payload: bytes.toString('base64'), payloadType, signatures: [{ sig: signature.toString('base64') }] }
    const seen = this.#witness(options.witness, at, signature, () => dsseEntry(dsseEnvelope, certificate))
    return bundleOf({ dsseEnvelope }, { certificate, ...seen })
  }

  /** A bundle with a plain signature over the artifact and no statement. */
  signArtifact(artifact: Uint8Array, run: WorkflowRun, options: SigningOptions = {}): BundleJson {
    const at = wholeSecond(options.at)
    const key = new SigningKey()
    const certificate = this.fulcio.issue(key.spki, identityOfClaims(claimsOfRun(run)), at)
    const signature = key.sign(artifact)
    const digest = sha256Bytes(artifact)
    const seen = this.#witness(options.witness, at, signature, () => hashedRekordEntry(digest.toString('hex'), signature, certificate))
    const messageDigest = { algorithm: 'SHA2_256', digest: digest.toString('base64') }
    return bundleOf({ messageSignature: { messageDigest, signature: signature.toString('base64') } }, { certificate, ...seen })
  }

  #witness(who: SigningOptions['witness'] = 'log', at: Date, signature: Buffer, propose: () => ReturnType<typeof dsseEntry>): Omit<Witnessed, 'certificate'> {
    const proposed = who === 'authority' ? undefined : propose()
    return {
      ...(proposed ? { logEntry: { kind: proposed.kind, entry: this.rekor.log(proposed, at) } } : {}),
      ...(who === 'log' ? {} : { timestamp: this.timestampAuthority.timestamp(signature, at) }),
    }
  }
}

function wholeSecond(at = new Date()): Date {
  return new Date(Math.floor(at.getTime() / 1000) * 1000)
}
