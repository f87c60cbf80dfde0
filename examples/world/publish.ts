import { sha256 } from '../../schemas/digest.ts'
import type { Digest } from '../../schemas/digest.ts'
import { artifactName } from '../../schemas/names.ts'
import type { Manifest } from '../../schemas/manifest.ts'
import { EPOCH } from './bare-repository.ts'
import type { Files } from './bare-repository.ts'
import type { BundleJson } from './sigstore/bundle.ts'
import { downloadUrl } from './github/answers.ts'
import type { Addresses } from './github/answers.ts'
import { fullName } from './github/github.ts'
import type { Asset, GitHub, Release, Repository } from './github/github.ts'
import { RELEASE_WORKFLOW } from './sigstore/identity.ts'
import type { WorkflowRun } from './sigstore/identity.ts'
import { manifestOf, packPlugin, packageFiles } from './package.ts'
import type { PluginInput } from './package.ts'
import { SLSA_PROVENANCE, statement } from './sigstore/provenance.ts'
import type { Sigstore, SigningOptions } from './sigstore/sigstore.ts'

/** A release to publish: what a good publisher does, unless a member says otherwise. */
export interface ReleasePlan extends PluginInput {
  /** `owner/name`, made when it is new; default `acme/<id>`. */
  readonly repository?: string
  /** For a repository made here. */
  readonly private?: boolean
  /** Folder of the plugin in its repository; default the top. */
  readonly path?: string
  /** Default `v<version>`, or `<id>@<version>` for a plugin in a folder. */
  readonly tag?: string
  /** When it was committed, signed and published; default `EPOCH`. */
  readonly at?: Date
  readonly prerelease?: boolean
  readonly draft?: boolean
  readonly immutable?: boolean

  /** What is signed: provenance (default), the artifact alone, an in-toto statement of another type, nothing. */
  readonly signed?: 'provenance' | 'artifact' | 'statement' | 'no'
  /** Lies over the run that signs: another repository, workflow, ref, issuer, a reusable workflow, odd claims. */
  readonly run?: Partial<WorkflowRun>
  /** Who signs; another instance is one that nobody trusts. */
  readonly signer?: Sigstore
  readonly witness?: SigningOptions['witness']
  /** The bundle instead of the made one: of another artifact, not JSON, … */
  readonly bundle?: (made: SignedArtifact) => unknown
  /** Where the bundle is: a release asset (default), the attestations API (inline, or behind a URL), both, nowhere. */
  readonly bundleIn?: 'asset' | 'api' | 'api-url' | 'both' | 'nowhere'

  /** The archive instead of the packed one; it is signed as it is. */
  readonly artifact?: Uint8Array
  /** Changes the archive after it was signed. */
  readonly alter?: (artifact: Buffer) => Uint8Array
  /** Leaves the archive out of the release. */
  readonly withoutArtifact?: boolean
  /** More assets. */
  readonly assets?: readonly { readonly name: string; readonly bytes: Uint8Array }[]
}

/** What a `bundle` function is given. */
export interface SignedArtifact {
  readonly artifact: Buffer
  readonly run: WorkflowRun
  readonly sigstore: Sigstore
  readonly at: Date
  readonly bundle: BundleJson | undefined
}

/** A file of a published release: as it is downloaded. */
export interface PublishedFile {
  readonly name: string
  readonly bytes: Buffer
  readonly size: number
  readonly sha256: Digest
  /** browser_download_url: needs no API call. */
  readonly url: string
  /** API address; for private repositories, with `Accept: application/octet-stream` and a token. Undefined when the release lacks the file. */
  readonly apiUrl: string | undefined
}

/** What was published. */
export interface Published {
  readonly id: string
  readonly version: string
  readonly repository: Repository
  readonly release: Release
  readonly tag: string
  readonly commit: string
  readonly run: WorkflowRun
  readonly manifest: Manifest
  /** sha256 of manifest.json in the package. */
  readonly manifestDigest: Digest
  readonly publishedAt: Date
  readonly artifact: PublishedFile
  /** The bundle as a file, wherever it is; undefined for an unsigned release. */
  readonly bundle: PublishedFile | undefined
}

export type Publisher = (plan: ReleasePlan) => Promise<Published>

/** A publisher in a world. Releases of one repository are made in the order of the calls. */
export function publisher(world: { github: GitHub; sigstore: Sigstore; addresses: Addresses }): Publisher {
  const repositoryOf = (plan: ReleasePlan): Repository => {
    const name = plan.repository ?? `acme/${plan.id}`
    return world.github.find(name) ?? world.github.createRepository(name, { private: plan.private ?? false })
  }
  return async (plan) => {
    const repository = repositoryOf(plan)
    const tag = plan.tag ?? (plan.path ? `${plan.id}@${plan.version}` : `v${plan.version}`)
    const at = plan.at ?? EPOCH
    const commit = await repository.git.commit({ files: sourceFiles(plan), message: `Release ${plan.id} ${plan.version}`, at, tag })
    const artifact = Buffer.from(plan.artifact ?? packPlugin(plan))
    const run = runOf(plan, repository, { tag, commit })
    const bundle = bundleFor(plan, { artifact, run, sigstore: plan.signer ?? world.sigstore, at })
    const sent = Buffer.from(plan.alter?.(artifact) ?? artifact)
    const release = releaseWith(world.github, { plan, repository, tag, commit, at }, sent, bundle)
    if (bundle) attest(world.github, repository, plan, { artifact, bundle })
    const fileOf = (name: string, bytes: Buffer): PublishedFile => publishedFile({ name, bytes }, release, repository, world.addresses)
    const name = artifactName(plan.id, plan.version)
    const manifestText = packageFiles(plan)['manifest.json'] ?? ''
    return {
      id: plan.id, version: plan.version, repository, release, tag, commit, run, manifest: manifestOf(plan), manifestDigest: sha256(manifestText), publishedAt: at,
      artifact: fileOf(name, sent), bundle: bundle && fileOf(`${name}.sigstore.json`, bundle),
    }
  }
}

/** The plugin's folder and the workflow that releases it. */
function sourceFiles(plan: ReleasePlan): Files {
  const folder = plan.path ? `${plan.path.replace(/\/$/, '')}/` : ''
  const own = Object.entries(packageFiles(plan)).map(([path, bytes]) => [folder + path, bytes] as const)
  return { [RELEASE_WORKFLOW]: 'name: release\non: { push: { tags: ["*"] } }\n', ...Object.fromEntries(own) }
}

function runOf(plan: ReleasePlan, repository: Repository, { tag, commit }: { tag: string; commit: string }): WorkflowRun {
  const visibility = repository.private ? 'private' : 'public'
  return { repository: fullName(repository), repositoryId: repository.id, ownerId: repository.owner.id, ref: `refs/tags/${tag}`, sha: commit, visibility, ...plan.run }
}

/** The bundle file, or undefined when nothing is signed. */
function bundleFor(plan: ReleasePlan, made: Omit<SignedArtifact, 'bundle'>): Buffer | undefined {
  const bundle = sign(plan, made)
  const file = plan.bundle ? plan.bundle({ ...made, bundle }) : bundle
  if (file === undefined) return undefined
  return file instanceof Uint8Array ? Buffer.from(file) : Buffer.from(`${JSON.stringify(file)}\n`)
}

function sign(plan: ReleasePlan, { artifact, run, sigstore, at }: Omit<SignedArtifact, 'bundle'>): BundleJson | undefined {
  const name = artifactName(plan.id, plan.version)
  const options = { at, name, ...(plan.witness ? { witness: plan.witness } : {}) }
  switch (plan.signed ?? 'provenance') {
    case 'no':
      return undefined
    case 'artifact':
      return sigstore.signArtifact(artifact, run, options)
    case 'statement':
      return sigstore.attest(artifact, run, { ...options, statement: statement({ name, sha256: sha256(artifact).slice(7) }, 'https://in-toto.io/attestation/release/v0.1', { tag: run.ref }) })
    default:
      return sigstore.attest(artifact, run, options)
  }
}

function releaseWith(github: GitHub, made: { plan: ReleasePlan; repository: Repository; tag: string; commit: string; at: Date }, artifact: Buffer, bundle: Buffer | undefined): Release {
  const { plan, repository, tag, commit, at } = made
  const name = artifactName(plan.id, plan.version)
  const bundleIn = plan.bundleIn ?? 'asset'
  const assets = [
    ...(plan.withoutArtifact ? [] : [{ name, bytes: artifact }]),
    ...(bundle && (bundleIn === 'asset' || bundleIn === 'both') ? [{ name: `${name}.sigstore.json`, bytes: bundle }] : []),
    ...(plan.assets ?? []),
  ]
  const title = `${plan.id} ${plan.version}`
  return github.createRelease(repository, { tag, commit, at, name: title, assets, prerelease: plan.prerelease ?? plan.version.includes('-'), draft: plan.draft ?? false, immutable: plan.immutable ?? false })
}

function attest(github: GitHub, repository: Repository, plan: ReleasePlan, { artifact, bundle }: { artifact: Buffer; bundle: Buffer }): void {
  if (plan.bundleIn !== 'api' && plan.bundleIn !== 'api-url' && plan.bundleIn !== 'both') return
  const delivery = plan.bundleIn === 'api-url' ? 'url' : 'inline'
  github.attest(repository, { digest: sha256(artifact), predicateType: SLSA_PROVENANCE, bundle: JSON.parse(bundle.toString()) as unknown, delivery })
}

function publishedFile(file: { name: string; bytes: Buffer }, release: Release, repository: Repository, at: Addresses): PublishedFile {
  const asset: Asset | undefined = release.assets.find(({ name }) => name === file.name)
  const apiUrl = asset && `${at.api}/repos/${fullName(repository)}/releases/assets/${asset.id}`
  return { ...file, size: file.bytes.length, sha256: sha256(file.bytes), url: downloadUrl(file, release, repository, at), apiUrl }
}
