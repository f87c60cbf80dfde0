import { CatalystError, throwProblems } from '../../schemas/errors.ts'
import { canonicalJson } from '../../schemas/digest.ts'
import { LIMITS } from '../../schemas/limits.ts'
import type { LockedSigner } from '../../schemas/lock.ts'
import { artifactName } from '../../schemas/names.ts'
import { normalizePermissions } from '../../schemas/permissions.ts'
import type { Candidate, InspectedPackage, Proof } from '../ports.ts'
import { UNSIGNED } from './candidates.ts'
import type { LockDeps } from './lock.ts'

/** A candidate whose bytes are in hand, proven to come from whom the authority names, and read. */
export interface Proven {
  readonly candidate: Candidate
  readonly signer: LockedSigner
  readonly publishedAt: string
  readonly repository: Candidate['repository']
  readonly inspected: InspectedPackage
}

/** How much later than a line says the log may have seen a release. The line's time decides the cool-down. */
const PUBLISHED_TOLERANCE_MS = 5 * 60 * 1000

/**
 * fetch -> verify -> inspect -> compare, for one candidate.
 * @throws CatalystError of the step that refused: SOURCE_UNREACHABLE, DIGEST_MISMATCH, SIGNATURE_INVALID,
 * IDENTITY_MISMATCH, ARCHIVE_UNSAFE, MANIFEST_MISMATCH, INDEX_MANIFEST_MISMATCH, RULE_FAILED, …
 */
export async function prove(candidate: Candidate, deps: LockDeps): Promise<Proven> {
  const proven = await readProven(candidate, deps)
  compareManifest(candidate, proven.inspected)
  throwProblems(proven.inspected.findings)
  return proven
}

/** fetch -> verify -> inspect: who signed is settled, what the package says of itself is not yet compared with anything. */
export async function readProven(candidate: Candidate, deps: LockDeps): Promise<Proven> {
  const [archive, bundle] = await Promise.all([fetchArtifact(candidate, deps), fetchBundle(candidate, deps)])
  const proof = await verify(candidate, bundle, deps)
  deps.progress({ stage: 'verify', id: candidate.id })
  const inspected = await deps.packages.inspect(archive, artifactName(candidate.id, candidate.version))
  deps.progress({ stage: 'inspect', id: candidate.id })
  return {
    candidate,
    signer: proof?.signer ?? { kind: 'unsigned' },
    publishedAt: proof?.publishedAt ?? candidate.publishedAt,
    repository: candidate.repository,
    inspected,
  }
}

async function fetchArtifact(candidate: Candidate, deps: LockDeps): Promise<Uint8Array> {
  const { url, sha256, size } = candidate.artifact
  const bytes = await deps.artifacts.fetch({ url: deps.locate(candidate.registry, url, { kind: 'artifact', sha256 }), sha256, size, maxBytes: LIMITS.artifactMaxBytes }, options(deps))
  deps.progress({ stage: 'fetch', id: candidate.id, bytes: bytes.byteLength })
  return bytes
}

async function fetchBundle(candidate: Candidate, deps: LockDeps): Promise<Uint8Array | undefined> {
  if (candidate.authority === UNSIGNED) return undefined
  const { bundle } = candidate
  if (!bundle) throw new CatalystError('BUNDLE_MISSING', `${candidate.id} ${candidate.version} has no Sigstore bundle`)
  return deps.artifacts.fetch({ url: deps.locate(candidate.registry, bundle.url, { kind: 'bundle', sha256: bundle.sha256 }), sha256: bundle.sha256, maxBytes: LIMITS.bundleMaxBytes }, options(deps))
}

async function verify(candidate: Candidate, bundle: Uint8Array | undefined, deps: LockDeps): Promise<Proof | undefined> {
  if (!bundle) return undefined
  const { authority, artifact, tag, commit } = candidate
  if (!authority) throw new CatalystError('SIGNER_MISSING', `nobody has said who may sign ${candidate.id}`)
  const proof = await deps.verifier.verify({ artifactDigest: artifact.sha256, bundle, authority, tag, commit })
  if (proof.repository.id !== candidate.repository.id || proof.repository.ownerId !== candidate.repository.ownerId) {
    throw new CatalystError('IDENTITY_MISMATCH', `${candidate.id} ${candidate.version} is said to come from repository ${candidate.repository.id}, it was built in ${proof.repository.id}`)
  }
  if (Date.parse(proof.publishedAt) - Date.parse(candidate.publishedAt) > PUBLISHED_TOLERANCE_MS) {
    throw new CatalystError('INDEX_MANIFEST_MISMATCH', `${candidate.id} ${candidate.version} is said to be published at ${candidate.publishedAt}, it was signed at ${proof.publishedAt}`)
  }
  return proof
}

/** Id and version must be the release's; everything that the index said must be what the package says. */
function compareManifest(candidate: Candidate, { manifest, manifestDigest }: InspectedPackage): void {
  const name = `${candidate.id} ${candidate.version}`
  if (manifest.id !== candidate.id || manifest.version !== candidate.version) {
    throw new CatalystError('MANIFEST_MISMATCH', `the release of ${name} holds a package that calls itself ${manifest.id} ${manifest.version}`)
  }
  const claims: readonly (readonly [string, unknown, unknown])[] = [
    ['manifest', candidate.manifest ?? manifestDigest, manifestDigest],
    ['dependencies', candidate.dependencies, manifest.dependencies ?? {}],
    ['conflicts', candidate.conflicts, manifest.conflicts ?? {}],
    ['platform', candidate.platform ?? null, manifest.compatibility?.catalyst ?? null],
    ['permissions', candidate.permissions, normalizePermissions(manifest.permissions)],
  ]
  for (const [what, claimed, real] of claims) {
    if (canonicalJson(claimed) === canonicalJson(real)) continue
    throw new CatalystError('INDEX_MANIFEST_MISMATCH', `${name}: the index says ${what} ${canonicalJson(claimed)}, the package says ${canonicalJson(real)}`)
  }
}

function options(deps: LockDeps): { signal?: AbortSignal } {
  return deps.signal ? { signal: deps.signal } : {}
}
