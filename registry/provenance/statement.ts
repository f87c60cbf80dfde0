import { hexOf } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { Bundle } from './sigstore.ts'

/** What a publisher must have signed: SLSA provenance v1 (slsa.dev/spec/v1.1/provenance). */
export const SLSA_PROVENANCE_V1 = 'https://slsa.dev/provenance/v1'

const IN_TOTO_PAYLOAD = 'application/vnd.in-toto+json'
const STATEMENT_V1 = 'https://in-toto.io/Statement/v1'
const STATEMENT_V01 = 'https://in-toto.io/Statement/v0.1'

/** An in-toto statement (in-toto/attestation, spec/v1/statement.md), as far as we read it. */
export interface Statement {
  readonly type: string
  readonly predicateType: string
  /** `digest` maps algorithms to hexadecimal digits. */
  readonly subject: readonly { readonly digest: Readonly<Record<string, string>> }[]
}

/**
 * The statement of a DSSE envelope, undefined for a message signature. The library never looks inside the envelope.
 * @throws CatalystError BUNDLE_INVALID when the envelope holds something else
 */
export function readStatement(bundle: Bundle): Statement | undefined {
  if (bundle.content.$case !== 'dsseEnvelope') return undefined
  const { payloadType, payload } = bundle.content.dsseEnvelope
  if (payloadType !== IN_TOTO_PAYLOAD) throw invalid(`The signed payload is of type "${payloadType}", not ${IN_TOTO_PAYLOAD}`)
  const json = parse(payload)
  const { _type: type, predicateType, subject } = json
  if (type !== STATEMENT_V1 && type !== STATEMENT_V01) throw invalid(`The signed payload says that it is ${JSON.stringify(type) ?? 'nothing'}, not an in-toto statement`)
  if (typeof predicateType !== 'string') throw invalid('The in-toto statement has no predicateType')
  if (!Array.isArray(subject) || !subject.every(isSubject)) throw invalid('The in-toto statement has no proper subject')
  return { type, predicateType, subject }
}

/**
 * Provenance or nothing: an attestation of tests, of a licence scan or of a release proves nothing about who built it from what.
 * @throws CatalystError PROVENANCE_MISSING, BUNDLE_INVALID
 */
export function readProvenance(bundle: Bundle): Statement {
  const statement = readStatement(bundle)
  if (!statement) throw new CatalystError('PROVENANCE_MISSING', 'The bundle is a plain signature, not provenance')
  if (statement.predicateType !== SLSA_PROVENANCE_V1 || statement.type !== STATEMENT_V1) {
    throw new CatalystError('PROVENANCE_MISSING', `The bundle attests "${statement.predicateType}", not ${SLSA_PROVENANCE_V1}`)
  }
  return statement
}

/** @throws CatalystError SUBJECT_MISMATCH when no subject is the artifact */
export function assertSubject(statement: Statement, artifactDigest: string): void {
  const digests = statement.subject.map((subject) => subject.digest.sha256)
  if (digests.includes(hexOf(artifactDigest))) return
  const named = digests.filter((digest) => digest !== undefined).slice(0, 3).map((digest) => `sha256:${digest}`)
  throw new CatalystError('SUBJECT_MISMATCH', `The bundle is about ${named.join(', ') || 'nothing with a sha256'}; the artifact is ${artifactDigest}`)
}

function parse(payload: Buffer): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  } catch (error) {
    throw invalid('The signed payload is not JSON', error)
  }
  throw invalid('The signed payload is not a JSON object')
}

function isSubject(value: unknown): value is Statement['subject'][number] {
  const digest = typeof value === 'object' && value !== null ? (value as { digest?: unknown }).digest : undefined
  return typeof digest === 'object' && digest !== null && Object.values(digest).every((hex) => typeof hex === 'string')
}

function invalid(message: string, cause?: unknown): CatalystError {
  return new CatalystError('BUNDLE_INVALID', message, { cause })
}
