import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { BareRepository, EPOCH } from '../bare-repository.ts'
import { sha256 } from '../../../schemas/digest.ts'
import type { Digest } from '../../../schemas/digest.ts'

/** An organization or user. */
export interface Account {
  readonly id: number
  readonly login: string
}

/** A file of a release. */
export interface Asset {
  readonly id: number
  readonly name: string
  readonly bytes: Buffer
  readonly digest: Digest
  readonly contentType: string
  readonly at: Date
}

/** A release; `commit` is what its tag points to. */
export interface Release {
  readonly id: number
  readonly tag: string
  readonly name: string
  readonly body: string
  readonly commit: string
  readonly createdAt: Date
  readonly publishedAt: Date
  readonly draft: boolean
  readonly prerelease: boolean
  readonly immutable: boolean
  assets: readonly Asset[]
}

/** A bundle in the attestations API: inline, or behind a URL as GitHub does since 2026. */
export interface Attestation {
  readonly id: number
  readonly digest: Digest
  readonly predicateType: string
  readonly bundle: unknown
  readonly delivery: 'inline' | 'url'
}

/** A repository. Its id stays when it is renamed or transferred. */
export interface Repository {
  readonly id: number
  owner: Account
  name: string
  private: boolean
  archived: boolean
  topics: readonly string[]
  readonly createdAt: Date
  readonly description: string
  readonly git: BareRepository
  releases: readonly Release[]
  attestations: readonly Attestation[]
}

/** What a token may see and do. */
export interface Token {
  readonly login: string
  /** Private repositories it reaches, by id. */
  readonly repositories: 'all' | ReadonlySet<number>
  readonly write: boolean
}

/** A release to make. */
export interface ReleaseInput {
  readonly tag: string
  readonly commit: string
  readonly at?: Date
  readonly createdAt?: Date
  readonly name?: string
  readonly body?: string
  readonly draft?: boolean
  readonly prerelease?: boolean
  readonly immutable?: boolean
  readonly assets?: readonly { readonly name: string; readonly bytes: Uint8Array; readonly contentType?: string }[]
}

/** `owner/name` of a repository as it is called now. */
export const fullName = (repository: Repository): string => `${repository.owner.login}/${repository.name}`

/** What our GitHub knows. Ids come from names, so that they are the same in every run and in every order of making. */
export class GitHub {
  readonly #dir: string
  readonly #accounts = new Map<string, Account>()
  readonly #byName = new Map<string, Repository>()
  readonly #byId = new Map<number, Repository>()
  readonly #tokens = new Map<string, Token>()

  constructor(dir: string) {
    this.#dir = dir
  }

  /** The account of a login; made when it is new. `id` only counts then. */
  account(login: string, id = idOf(`account ${login}`)): Account {
    const known = this.#accounts.get(login.toLowerCase())
    if (known) return known
    const account = { id, login }
    this.#accounts.set(login.toLowerCase(), account)
    return account
  }

  /** Makes an empty repository called `owner/name`. @throws Error when the name is taken. */
  createRepository(name: string, options: { id?: number; ownerId?: number; private?: boolean; description?: string; topics?: readonly string[] } = {}): Repository {
    const [owner = '', repo = ''] = name.split('/')
    if (this.#byName.has(key(name))) throw new Error(`repository ${name} exists already`)
    const id = options.id ?? idOf(`repository ${name}`)
    const git = BareRepository.create(join(this.#dir, `${id}.git`))
    const repository: Repository = {
      id, owner: this.account(owner, options.ownerId), name: repo, private: options.private ?? false, archived: false, topics: options.topics ?? [], createdAt: EPOCH,
      description: options.description ?? '', git, releases: [], attestations: [],
    }
    this.#byName.set(key(name), repository)
    this.#byId.set(id, repository)
    return repository
  }

  /** The repository called so now or at any time before, unless another took the name. */
  find(name: string): Repository | undefined {
    return this.#byName.get(key(name))
  }

  /** The repository of a numeric id. */
  byId(id: number): Repository | undefined {
    return this.#byId.get(id)
  }

  /** The public repositories that have a topic, by number. */
  withTopic(topic: string): readonly Repository[] {
    return [...this.#byId.values()].filter((repository) => !repository.private && repository.topics.includes(topic)).sort((a, b) => a.id - b.id)
  }

  /** Renames, or transfers when the owner differs. The old name redirects until somebody takes it. */
  rename(repository: Repository, to: string): void {
    const [owner = '', name = ''] = to.split('/')
    repository.owner = this.account(owner)
    repository.name = name
    this.#byName.set(key(to), repository)
  }

  /** Takes a repository away: every request for it is a 404 from now on. */
  deleteRepository(repository: Repository): void {
    this.#byId.delete(repository.id)
    for (const [name, known] of this.#byName) if (known === repository) this.#byName.delete(name)
  }

  /** A new token. Without `repositories` it reaches all private ones; without `write` it may not push. */
  createToken(options: { login?: string; repositories?: readonly Repository[]; write?: boolean } = {}): string {
    const token = `ghp_${randomBytes(18).toString('hex')}`
    const repositories = options.repositories ? new Set(options.repositories.map(({ id }) => id)) : 'all'
    this.#tokens.set(token, { login: options.login ?? 'octocat', repositories, write: options.write ?? false })
    return token
  }

  /** What a token may do, or undefined when it is unknown. */
  token(text: string): Token | undefined {
    return this.#tokens.get(text)
  }

  /** From now on the token is unknown. */
  revokeToken(text: string): void {
    this.#tokens.delete(text)
  }

  /** Makes a release of an existing commit. Its tag is the caller's to make. */
  createRelease(repository: Repository, input: ReleaseInput): Release {
    const at = input.at ?? EPOCH
    const scope = `${repository.id} ${input.tag}`
    const assets = (input.assets ?? []).map((asset) => assetOf(asset, at, `asset ${scope} ${asset.name}`))
    const release: Release = {
      id: idOf(`release ${scope}`), tag: input.tag, name: input.name ?? input.tag, body: input.body ?? '', commit: input.commit, assets,
      createdAt: input.createdAt ?? at, publishedAt: at, draft: input.draft ?? false, prerelease: input.prerelease ?? false, immutable: input.immutable ?? false,
    }
    repository.releases = [...repository.releases.filter(({ tag }) => tag !== input.tag), release]
    return release
  }

  /** Lays other bytes under an asset's name, as a publisher of a mutable release can. */
  replaceAsset(release: Release, name: string, bytes: Uint8Array): void {
    release.assets = release.assets.map((asset) => (asset.name === name ? assetOf({ name, bytes }, asset.at, `asset again ${asset.id}`) : asset))
  }

  /** Takes a release away; its tag stays. */
  deleteRelease(repository: Repository, release: Release): void {
    repository.releases = repository.releases.filter((other) => other !== release)
  }

  /** Adds a bundle to the attestations API. */
  attest(repository: Repository, attestation: Omit<Attestation, 'id' | 'delivery'> & { delivery?: Attestation['delivery'] }): Attestation {
    const id = idOf(`attestation ${repository.id} ${repository.attestations.length}`)
    const stored = { id, delivery: 'inline' as const, ...attestation }
    repository.attestations = [...repository.attestations, stored]
    return stored
  }

  /** Every asset with its repository, for the server of their bytes. */
  asset(id: number): Asset | undefined {
    for (const { releases } of this.#byId.values()) {
      for (const { assets } of releases) {
        const found = assets.find((asset) => asset.id === id)
        if (found) return found
      }
    }
    return undefined
  }

  /** Every attestation, for the server of their bytes. */
  attestation(id: number): Attestation | undefined {
    for (const { attestations } of this.#byId.values()) {
      const found = attestations.find((attestation) => attestation.id === id)
      if (found) return found
    }
    return undefined
  }
}

const key = (name: string): string => name.toLowerCase()

/** A positive number of nine digits or fewer that belongs to a name. */
function idOf(name: string): number {
  return 1 + (createHash('sha256').update(name).digest().readUInt32BE(0) % 999_999_999)
}

function assetOf(input: { name: string; bytes: Uint8Array; contentType?: string }, at: Date, idName: string): Asset {
  const bytes = Buffer.from(input.bytes)
  return { id: idOf(idName), name: input.name, bytes, digest: sha256(bytes), contentType: input.contentType ?? contentTypeOf(input.name), at }
}

function contentTypeOf(name: string): string {
  return name.endsWith('.tgz') ? 'application/gzip' : name.endsWith('.json') ? 'application/json' : 'application/octet-stream'
}
