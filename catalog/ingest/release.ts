import type { ArtifactSource, FoundRelease, InspectedPackage, Packages, Proof, ReleaseSource, Verifier } from '../../reconciler/ports.ts'
import { authorityOfEntry } from '../../schemas/authority.ts'
import { sha256 } from '../../schemas/digest.ts'
import { CatalystError, type Problem, throwProblems } from '../../schemas/errors.ts'
import { INDEX_LINE_VERSION, type IndexLine } from '../../schemas/index-line.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { artifactName } from '../../schemas/names.ts'
import { normalizePermissions } from '../../schemas/permissions.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import { lineProblems } from '../../schemas/registry-files.ts'

/** What ingesting needs of the outside: the same parts that `lock` proves with. */
export interface IngestDeps {
  readonly artifacts: ArtifactSource
  readonly verifier: Verifier
  readonly packages: Packages
  /** The trust profile of the registry. */
  readonly profile: string
  readonly signal?: AbortSignal
}

/** A release that was proven and may be listed. */
export interface VerifiedRelease {
  readonly line: IndexLine
  readonly artifact: Uint8Array
  readonly bundle: Uint8Array
}

/** The same with what speaks for it: who signed, and what the rules had to say (warnings; an error refuses). */
export interface IngestedRelease extends VerifiedRelease {
  readonly evidence: { readonly proof: Proof; readonly findings: readonly Problem[] }
}

/**
 * release -> fetched -> verified -> inspected -> index line. The line's facts come from the package and the proof alone;
 * the entry decides who must have signed and how much the package may ask.
 * @throws CatalystError of the step that refused: BUNDLE_MISSING, DIGEST_MISMATCH, SIGNATURE_INVALID, IDENTITY_MISMATCH,
 * ARCHIVE_*, MANIFEST_*, RULE_FAILED, INDEX_LINE_WIDER, …
 */
export async function ingestRelease(release: FoundRelease, entry: RegistryEntry, deps: IngestDeps): Promise<IngestedRelease> {
  const [artifact, bundle] = await fetchBoth(release, entry.id, deps)
  const ingested = await inspected(release, entry.id, { artifact, bundle, proof: await verified(release, entry, bundle, deps) }, deps)
  throwProblems(lineProblems(ingested.line, entry))
  return ingested
}

/**
 * The same without asking whether the entry allows it: when the entry's publisher did not sign, the proof tells who did.
 * It is for a verdict, which compares with the entry: never list what comes from here unseen.
 * @throws CatalystError as `ingestRelease`, IDENTITY_MISMATCH only when the signature cannot be of this release at all
 */
export async function observeRelease(release: FoundRelease, entry: RegistryEntry, deps: IngestDeps): Promise<IngestedRelease> {
  const [artifact, bundle] = await fetchBoth(release, entry.id, deps)
  const proof = await verified(release, entry, bundle, deps).catch((error: unknown) => observed(release, bundle, deps, error))
  return inspected(release, entry.id, { artifact, bundle, proof }, deps)
}

function fetchBoth(release: FoundRelease, id: string, deps: IngestDeps): Promise<readonly [Uint8Array, Uint8Array]> {
  return Promise.all([fetchArtifact(release, deps), fetchBundle(release, id, deps)])
}

function verified(release: FoundRelease, entry: RegistryEntry, bundle: Uint8Array, deps: IngestDeps): Promise<Proof> {
  return deps.verifier.verify({ artifactDigest: release.artifact.sha256, bundle, authority: authorityOfEntry(entry, deps.profile), tag: release.tag, commit: release.commit })
}

/** Who signed instead. What was built from another commit than the tag's is nobody's release. */
async function observed(release: FoundRelease, bundle: Uint8Array, deps: IngestDeps, refusal: unknown): Promise<Proof> {
  if (!(refusal instanceof CatalystError) || refusal.code !== 'IDENTITY_MISMATCH') throw refusal
  const proof = await deps.verifier.observe({ artifactDigest: release.artifact.sha256, bundle, profile: deps.profile, tag: release.tag, commit: release.commit })
  if (proof.commit !== release.commit) throw refusal
  return proof
}

async function inspected(release: FoundRelease, id: string, { artifact, bundle, proof }: { artifact: Uint8Array; bundle: Uint8Array; proof: Proof }, deps: IngestDeps): Promise<IngestedRelease> {
  const found = await deps.packages.inspect(artifact, artifactName(id, release.version))
  refuseOther(release, id, found, proof)
  throwProblems(found.findings)
  return { line: lineOf(release, bundle, found, proof), artifact, bundle, evidence: { proof, findings: found.findings } }
}

/** What became of the releases of one entry. */
export interface Ingested {
  readonly releases: readonly IngestedRelease[]
  /** Releases that were refused; they hold up no other. */
  readonly refused: readonly { readonly version: string; readonly error: CatalystError }[]
}

/**
 * Looks for releases of an entry in its first repository (the present one) and ingests each that is not `known` yet.
 * @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, UNAUTHORIZED, NOT_FOUND when the repository cannot be asked
 */
export async function ingestReleases(entry: RegistryEntry, known: readonly string[], source: ReleaseSource, deps: IngestDeps): Promise<Ingested> {
  const found = await source.releases(sourceOf(entry), entry.id, options(deps))
  const releases: IngestedRelease[] = []
  const refused: { version: string; error: CatalystError }[] = []
  for (const release of found.filter(({ version }) => !known.includes(version))) {
    try {
      releases.push(await ingestRelease(release, entry, deps))
    } catch (error) {
      if (!(error instanceof CatalystError)) throw error
      refused.push({ version: release.version, error })
    }
  }
  return { releases, refused }
}

/** `github:owner/repo#path` of the repository that an entry publishes from now. */
export function sourceOf(entry: RegistryEntry): string {
  const now = entry.repositories.find(({ until }) => until === undefined) ?? entry.repositories[0]
  const name = new URL(now?.url ?? '').pathname.slice(1)
  return `github:${name}${entry.path === undefined ? '' : `#${entry.path}`}`
}

async function fetchArtifact({ artifact }: FoundRelease, deps: IngestDeps): Promise<Uint8Array> {
  return deps.artifacts.fetch({ url: artifact.url, sha256: artifact.sha256, size: artifact.size, maxBytes: LIMITS.artifactMaxBytes }, options(deps))
}

async function fetchBundle({ bundle, tag, repository }: FoundRelease, id: string, deps: IngestDeps): Promise<Uint8Array> {
  if (!bundle) throw new CatalystError('BUNDLE_MISSING', `${id}: release ${tag} of ${repository.url} has no Sigstore bundle and no attestation`)
  return bundle.bytes ?? deps.artifacts.fetch({ url: bundle.url, maxBytes: LIMITS.bundleMaxBytes, ...(bundle.sha256 && { sha256: bundle.sha256 }) }, options(deps))
}

/** The package must be the one that the release is named for, built where the release lies. */
function refuseOther(release: FoundRelease, id: string, { manifest }: InspectedPackage, proof: Proof): void {
  if (manifest.id !== id || manifest.version !== release.version) {
    throw new CatalystError('MANIFEST_MISMATCH', `the release of ${id} ${release.version} holds a package that calls itself ${manifest.id} ${manifest.version}`)
  }
  if (proof.repository.id !== release.repository.id || proof.repository.ownerId !== release.repository.ownerId) {
    throw new CatalystError('IDENTITY_MISMATCH', `${id} ${release.version} lies in repository ${release.repository.id}, it was built in ${proof.repository.id}`)
  }
}

function lineOf(release: FoundRelease, bundle: Uint8Array, { manifest, manifestDigest }: InspectedPackage, proof: Proof): IndexLine {
  const { dependencies = {}, conflicts = {}, compatibility } = manifest
  return {
    v: INDEX_LINE_VERSION,
    id: manifest.id,
    version: release.version,
    repository: proof.repository,
    tag: release.tag,
    commit: proof.commit,
    artifact: release.artifact,
    bundle: { url: release.bundle?.url ?? '', size: bundle.byteLength, sha256: sha256(bundle) },
    manifest: manifestDigest,
    ...(Object.keys(dependencies).length > 0 && { dependencies }),
    ...(Object.keys(conflicts).length > 0 && { conflicts }),
    ...(compatibility?.catalyst !== undefined && { platform: compatibility.catalyst }),
    permissions: normalizePermissions(manifest.permissions),
    publishedAt: proof.publishedAt,
  }
}

function options({ signal }: IngestDeps): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}
