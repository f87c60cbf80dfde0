import { sha256, type Digest } from '../../schemas/digest.ts'
import { CatalystError, type Problem } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import { artifactName } from '../../schemas/names.ts'
import type { DesiredPlugin } from '../plan/desired.ts'
import type { Candidate, FoundRelease, Proof } from '../ports.ts'
import { candidateOfRelease, provenCandidate } from './candidates.ts'
import type { LockDeps } from './lock.ts'

/** What was seen of a direct source whose signer nobody has named yet. */
export interface DirectFinding {
  readonly id: string
  readonly version: string
  readonly observed: Proof | undefined
}

/** The versions of a direct source, with what to tell a person. */
export interface DirectCandidates {
  readonly candidates: readonly Candidate[]
  readonly findings: readonly DirectFinding[]
  readonly problems: readonly Problem[]
}

/**
 * Reads the newest releases of `source: github:…` (at most five, newest first). A release that cannot be read is a
 * problem of its own and no candidate; the others still are.
 * @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, UNAUTHORIZED, NOT_FOUND when the repository cannot be asked,
 * DIGEST_MISMATCH when an unsigned artifact is allowed and is not there, the first refusal when every release has one
 */
export async function directCandidates(plugin: DesiredPlugin, block: LockBlock | undefined, deps: LockDeps): Promise<DirectCandidates> {
  const releases = allowedUnsigned(plugin, await deps.releases.releases(plugin.source ?? '', plugin.id, options(deps)))
  const read = await Promise.all(releases.map((release) => readRelease(release, plugin, block, deps)))
  const candidates = read.flatMap((r) => (r.candidate ? [r.candidate] : []))
  const problems = read.flatMap((r) => (r.problem ? [r.problem] : []))
  const [first] = problems
  // Releases are there and none can be taken: that is the news, not that there were none.
  if (first && candidates.length === 0) throw new CatalystError(first.code, first.message, { hint: first.hint, problems })
  return { candidates, findings: read.flatMap((r) => (r.finding ? [r.finding] : [])).slice(0, 1), problems }
}

/** A digest allowed by hand allows one artifact and no other. @throws CatalystError DIGEST_MISMATCH */
function allowedUnsigned({ id, unsigned }: DesiredPlugin, releases: readonly FoundRelease[]): readonly FoundRelease[] {
  if (unsigned === undefined) return releases
  const allowed = releases.filter((r) => r.artifact.sha256 === unsigned)
  const [newest] = releases
  if (allowed.length > 0 || !newest) return allowed
  throw new CatalystError('DIGEST_MISMATCH', `${id}: plugins.yaml allows ${unsigned} unsigned, the newest release ${newest.version} is ${newest.artifact.sha256}`, { hint: 'Check the artifact by other means, then write its digest under `verify:`.' })
}

interface ReadRelease {
  readonly candidate?: Candidate
  readonly finding?: DirectFinding
  readonly problem?: Problem
}

async function readRelease(release: FoundRelease, plugin: DesiredPlugin, block: LockBlock | undefined, deps: LockDeps): Promise<ReadRelease> {
  if (block && block.version === release.version && block.artifact.sha256 === release.artifact.sha256 && block.source === plugin.source) {
    return { candidate: provenCandidate(plugin.id, block) }
  }
  try {
    const archive = await deps.artifacts.fetch({ url: release.artifact.url, sha256: release.artifact.sha256, size: release.artifact.size, maxBytes: LIMITS.artifactMaxBytes }, options(deps))
    const bundle = await bundleOf(release, plugin, deps)
    const observed = bundle && !plugin.signer ? await observe(release, bundle.bytes, plugin, deps) : undefined
    const inspected = await deps.packages.inspect(archive, artifactName(plugin.id, release.version))
    const candidate = candidateOfRelease(release, inspected, plugin, bundle?.file)
    return candidate.authority ? { candidate } : { candidate, finding: { id: plugin.id, version: release.version, observed } }
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    return { problem: { code: error.code, message: `${plugin.id} ${release.version}: ${error.message}`, hint: error.hint, ...(plugin.place ? { place: plugin.place } : {}) } }
  }
}

async function bundleOf(release: FoundRelease, plugin: DesiredPlugin, deps: LockDeps): Promise<{ bytes: Uint8Array; file: NonNullable<Candidate['bundle']> } | undefined> {
  if (plugin.unsigned) return undefined
  const { bundle } = release
  if (!bundle) throw new CatalystError('BUNDLE_MISSING', `release ${release.tag} of ${release.repository.url} has no Sigstore bundle and no attestation`)
  const bytes =
    bundle.bytes ?? (await deps.artifacts.fetch({ url: bundle.url, maxBytes: LIMITS.bundleMaxBytes, ...(bundle.sha256 ? { sha256: bundle.sha256 } : {}) }, options(deps)))
  const digest: Digest = sha256(bytes)
  // A bundle that is not a release asset has no lasting address: it is kept in the store repository, named by digest.
  if (bundle.bytes) await deps.keepBundle(digest, bytes)
  const url = bundle.bytes ? `plugins.bundles/${digest.slice(7)}.json` : bundle.url
  return { bytes, file: { url, sha256: digest, size: bytes.byteLength } }
}

async function observe(release: FoundRelease, bundle: Uint8Array, plugin: DesiredPlugin, deps: LockDeps): Promise<Proof> {
  return deps.verifier.observe({
    artifactDigest: release.artifact.sha256,
    bundle,
    profile: plugin.profile ?? 'public-good',
    tag: release.tag,
    commit: release.commit,
  })
}

function options(deps: LockDeps): { signal?: AbortSignal } {
  return deps.signal ? { signal: deps.signal } : {}
}
