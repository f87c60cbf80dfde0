import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { hexOf, sha256 } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import { runGit, type GitEnd } from './git-command.ts'
import { shownUrl } from './http-answer.ts'
import { makePrivateFolder } from './paths.ts'

/** A registry's git repository, as its bot uses it. */
export interface BotSettings {
  /** `https://…`, `git+https://…`, `file://…`, or a folder: a bare repository or a checkout. */
  readonly address: string
  /** Default: the one that HEAD names. */
  readonly branch?: string | undefined
  readonly cacheDir: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Shown to `webUrl` alone. */
  readonly token?: string | undefined
  readonly webUrl: string
  readonly signal?: AbortSignal | undefined
}

/** A commit to make on top of the head that was fetched last. */
export interface BotCommit {
  /** Whole files by path; each below `index/`. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly message: string
  /** ISO 8601. */
  readonly at: string
}

export interface BotRepository {
  /** Brings the newest history here and returns its head. @throws CatalystError SOURCE_UNREACHABLE, NOT_FOUND, INDEX_INVALID (no commits) */
  refresh(): Promise<string>
  /** The commit that a branch, tag or id names here. @throws CatalystError NOT_FOUND */
  resolve(revision: string): Promise<string>
  /** The files below a folder of a commit, as `[path, id of its content]`. */
  list(commit: string, folder: string): Promise<readonly (readonly [string, string])[]>
  /** Contents by id, in the order asked. */
  read(ids: readonly string[]): Promise<readonly Uint8Array[]>
  /** The content of a file; undefined when there is none. */
  file(commit: string, path: string): Promise<Uint8Array | undefined>
  /**
   * Makes the commit and pushes it. `raced`: somebody else pushed meanwhile, nothing was changed; refresh and make it anew.
   * @throws CatalystError PUSH_REJECTED (a rule, no right), SOURCE_UNREACHABLE
   */
  publish(parent: string, commit: BotCommit): Promise<{ readonly kind: 'pushed'; readonly commit: string } | { readonly kind: 'raced' }>
}

const BOT = 'Catalyst registry <registry@catalyst.invalid>'
/** Each commit is made under a name of its own: passes that share the folder must not push each other's. */
const botRef = (): string => `refs/catalyst/bot-${randomUUID()}`
/** All that the bot may touch. */
const BOT_PATH = /^index\/(1|2|3\/[a-z]|[a-z][a-z0-9-]\/[a-z0-9-]{2})\/[a-z][a-z0-9-]*$/

/** Opens the repository; a remote one is kept as a bare one in the cache, where nothing is ever checked out. */
export async function openBotRepository(settings: BotSettings): Promise<BotRepository> {
  const address = settings.address.replace(/^git\+/, '')
  const header = settings.token === undefined ? undefined : { below: settings.webUrl, value: `Authorization: Basic ${Buffer.from(`x-access-token:${settings.token}`).toString('base64')}` }
  const surroundings = { env: settings.env, header }
  const git = (args: readonly string[], input?: Uint8Array): Promise<GitEnd> => runGit(args, surroundings, input, settings.signal)
  if (/^(https?|ssh|file):\/\//.test(address)) return new Remote(git, settings, address)
  const dir = resolve(address)
  const found = await git(['-C', dir, 'rev-parse', '--absolute-git-dir'])
  if (!existsSync(dir) || found.exit !== 0) throw new CatalystError('NOT_FOUND', `${dir} is no git repository`, { hint: 'Name a checkout of the registry, a bare repository, or its URL.' })
  return new Local(git, settings, found.out.toString().trim(), dir)
}

type Git = (args: readonly string[], input?: Uint8Array) => Promise<GitEnd>

/** What both kinds do in the same way: reading and making commits in a git folder. */
abstract class Repository implements BotRepository {
  protected readonly git: Git
  protected readonly gitdir: string

  constructor(git: Git, gitdir: string) {
    this.git = git
    this.gitdir = gitdir
  }

  abstract refresh(): Promise<string>
  protected abstract push(commit: string, parent: string): Promise<boolean>

  async resolve(revision: string): Promise<string> {
    const end = await this.git(['--git-dir', this.gitdir, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`])
    if (end.exit !== 0) throw new CatalystError('NOT_FOUND', `git has no revision ${revision} here`, { hint: 'Fetch it first (git fetch origin); in CI check out with fetch-depth: 0.' })
    return end.out.toString().trim()
  }

  async list(commit: string, folder: string): Promise<readonly (readonly [string, string])[]> {
    const { out } = await this.own(['ls-tree', '-r', '-z', '--full-tree', commit, '--', `${folder}/`])
    return out.toString().split('\0').flatMap((row) => {
      const [, mode, oid, path] = /^(\d+) blob ([0-9a-f]+)\t([^]+)$/.exec(row) ?? []
      return path !== undefined && oid !== undefined && mode?.startsWith('100') ? [[path, oid] as const] : []
    })
  }

  async read(ids: readonly string[]): Promise<readonly Uint8Array[]> {
    if (ids.length === 0) return []
    const { out } = await this.own(['cat-file', '--batch'], Buffer.from(`${ids.join('\n')}\n`))
    const contents: Uint8Array[] = []
    for (let at = 0; contents.length < ids.length; ) {
      const end = out.indexOf(0x0a, at)
      const size = Number(/ blob (\d+)$/.exec(out.toString('latin1', at, end))?.[1] ?? Number.NaN)
      if (end < 0 || !Number.isSafeInteger(size)) throw new CatalystError('INDEX_INVALID', `the repository lacks a file that it lists: ${ids[contents.length]}`)
      contents.push(out.subarray(end + 1, end + 1 + size))
      at = end + 1 + size + 1
    }
    return contents
  }

  async file(commit: string, path: string): Promise<Uint8Array | undefined> {
    const { out } = await this.own(['cat-file', '--batch'], Buffer.from(`${commit}:${path}\n`))
    const end = out.indexOf(0x0a)
    const size = / blob (\d+)$/.exec(out.toString('latin1', 0, end))?.[1]
    if (size !== undefined) return out.subarray(end + 1, end + 1 + Number(size))
    // Not there is an answer of the commit; a commit or a file that git has lost is not.
    const listed = (await this.own(['ls-tree', '-z', '--full-tree', commit, '--', path])).out.toString()
    if (/^\d+ blob /.test(listed)) throw new CatalystError('INDEX_INVALID', `the repository lacks a file that it lists: ${path}`)
    return undefined
  }

  async publish(parent: string, { files, message, at }: BotCommit): Promise<{ kind: 'pushed'; commit: string } | { kind: 'raced' }> {
    for (const path of files.keys()) if (!BOT_PATH.test(path)) throw new CatalystError('INTERNAL', `the bot was about to write ${path}`)
    const ref = botRef()
    try {
      await this.own(['fast-import', '--quiet', '--force', '--date-format=raw'], importStream(ref, parent, files, message, at))
      const commit = (await this.own(['rev-parse', '--verify', ref])).out.toString().trim()
      await this.#assertOnlyIndex(parent, commit)
      return (await this.push(commit, parent)) ? { kind: 'pushed', commit } : { kind: 'raced' }
    } finally {
      await this.git(['--git-dir', this.gitdir, 'update-ref', '-d', ref])
    }
  }

  /** Whatever went wrong before: nothing else than index files leaves this machine under the bot's name. */
  async #assertOnlyIndex(parent: string, commit: string): Promise<void> {
    const { out } = await this.own(['diff-tree', '-r', '-z', '--name-only', '--no-renames', parent, commit])
    const others = out.toString().split('\0').filter((path) => path !== '' && !BOT_PATH.test(path))
    if (others.length > 0) throw new CatalystError('INTERNAL', `the bot was about to change ${others.join(', ')}`)
  }

  /** git in this folder, which must succeed. */
  protected async own(args: readonly string[], input?: Uint8Array): Promise<GitEnd> {
    const end = await this.git(['--git-dir', this.gitdir, ...args], input)
    if (end.exit !== 0) throw new CatalystError('INDEX_INVALID', `git ${args[0]} failed: ${end.err}`)
    return end
  }

  /** Pushes to a remote; false when somebody else was there first. */
  protected async pushTo(remote: string, commit: string, parent: string, branch: string): Promise<boolean> {
    const end = await this.git(['--git-dir', this.gitdir, 'push', '--porcelain', '--atomic', `--force-with-lease=refs/heads/${branch}:${parent}`, remote, `${commit}:refs/heads/${branch}`])
    if (end.exit === 0) return true
    const said = `${end.out.toString()}\n${end.err}`
    if (/\[rejected\]|stale info|cannot lock ref|failed to update ref|incorrect old value/.test(said)) return false
    if (/\[remote rejected\]|not granted|denied|Authentication failed|could not read Username|\b40[13]\b/.test(said)) throw new CatalystError('PUSH_REJECTED', `${shownUrl(remote)} refuses the bot’s commit: ${reason(said)}`)
    throw new CatalystError('SOURCE_UNREACHABLE', `${shownUrl(remote)} could not be pushed to: ${reason(said)}`)
  }
}

class Remote extends Repository {
  readonly #url: string
  readonly #cached: () => void
  #branch: string | undefined

  constructor(git: Git, settings: BotSettings, url: string) {
    const dir = join(settings.cacheDir, 'bot', `${hexOf(sha256(url))}.git`)
    super(git, dir)
    this.#url = url
    this.#branch = settings.branch
    this.#cached = () => makePrivateFolder(dir)
  }

  async refresh(): Promise<string> {
    this.#cached()
    if (!existsSync(join(this.gitdir, 'HEAD'))) await this.git(['init', '--quiet', '--bare', this.gitdir])
    const branch = (this.#branch ??= await this.#defaultBranch())
    const end = await this.git(['--git-dir', this.gitdir, 'fetch', '--quiet', '--no-tags', this.#url, `+refs/heads/${branch}:refs/heads/${branch}`])
    if (end.exit !== 0) throw unreachable(this.#url, end)
    return (await this.own(['rev-parse', '--verify', `refs/heads/${branch}`])).out.toString().trim()
  }

  async #defaultBranch(): Promise<string> {
    const end = await this.git(['ls-remote', '--symref', this.#url, 'HEAD'])
    if (end.exit !== 0) throw unreachable(this.#url, end)
    const branch = /^ref: refs\/heads\/(\S+)\tHEAD/m.exec(end.out.toString())?.[1]
    if (branch === undefined) throw new CatalystError('INDEX_INVALID', `${shownUrl(this.#url)} has no commits`)
    return branch
  }

  protected push(commit: string, parent: string): Promise<boolean> {
    return this.pushTo(this.#url, commit, parent, this.#branch ?? 'main')
  }
}

/** A repository on this machine. Where its branch follows one of a remote, the remote comes first. */
class Local extends Repository {
  readonly #dir: string
  readonly #named: string | undefined

  constructor(git: Git, settings: BotSettings, gitdir: string, dir: string) {
    super(git, gitdir)
    this.#dir = dir
    this.#named = settings.branch
  }

  async refresh(): Promise<string> {
    const upstream = await this.#upstream()
    if (upstream) {
      const end = await this.git(['-C', this.#dir, 'fetch', '--quiet', upstream.remote])
      if (end.exit !== 0) throw unreachable(upstream.remote, end)
      await this.#forward(upstream.ref)
    }
    const head = await this.git(['--git-dir', this.gitdir, 'rev-parse', '--verify', '--quiet', `refs/heads/${await this.#branch()}`])
    if (head.exit !== 0) throw new CatalystError('INDEX_INVALID', `${this.#dir} has no commits`, { hint: 'Commit registry.yaml and an entry first.' })
    return head.out.toString().trim()
  }

  protected async push(commit: string, parent: string): Promise<boolean> {
    const upstream = await this.#upstream()
    if (upstream && !(await this.pushTo(upstream.remote, commit, parent, upstream.branch))) return false
    return this.#forward(commit)
  }

  /** Moves the branch on, and the checkout with it. False when it has moved elsewhere meanwhile. */
  async #forward(commit: string): Promise<boolean> {
    const bare = (await this.own(['rev-parse', '--is-bare-repository'])).out.toString().trim() === 'true'
    if (!bare) {
      const merged = await this.git(['-C', this.#dir, 'merge', '--quiet', '--ff-only', commit])
      if (merged.exit === 0) return true
      if (/would be overwritten|local changes/.test(merged.err)) throw new CatalystError('PUSH_REJECTED', `${this.#dir} has changes that are not committed: ${reason(merged.err)}`, { hint: 'Commit or stash them; the bot changes files below index/ alone.' })
      return false
    }
    const branch = await this.#branch()
    const [old, ancestor] = [await this.git(['--git-dir', this.gitdir, 'rev-parse', `refs/heads/${branch}`]), await this.git(['--git-dir', this.gitdir, 'merge-base', '--is-ancestor', `refs/heads/${branch}`, commit])]
    if (ancestor.exit !== 0) return false
    return (await this.git(['--git-dir', this.gitdir, 'update-ref', `refs/heads/${branch}`, commit, old.out.toString().trim()])).exit === 0
  }

  async #branch(): Promise<string> {
    if (this.#named !== undefined) return this.#named
    return (await this.own(['symbolic-ref', '--short', 'HEAD'])).out.toString().trim()
  }

  async #upstream(): Promise<{ remote: string; branch: string; ref: string } | undefined> {
    const branch = await this.#branch()
    const read = async (key: string): Promise<string> => (await this.git(['--git-dir', this.gitdir, 'config', '--get', `branch.${branch}.${key}`])).out.toString().trim()
    const [remote, merge] = [await read('remote'), await read('merge')]
    if (remote === '' || remote === '.' || merge === '') return undefined
    const name = merge.replace(/^refs\/heads\//, '')
    return { remote, branch: name, ref: `refs/remotes/${remote}/${name}` }
  }
}

/** git's fast-import language: a commit on top of another, whole files. */
function importStream(ref: string, parent: string, files: BotCommit['files'], message: string, at: string): Buffer {
  const data = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')])
  const changes = [...files].flatMap(([path, bytes]) => [Buffer.from(`M 100644 inline ${path}\n`), data(bytes)])
  const header = `commit ${ref}\ncommitter ${BOT} ${Math.floor(Date.parse(at) / 1000)} +0000\n`
  return Buffer.concat([Buffer.from(header), data(Buffer.from(message)), Buffer.from(`from ${parent}\n`), ...changes, Buffer.from('done\n')])
}

function unreachable(url: string, end: GitEnd): CatalystError {
  const code = /not found|does not exist|not appear to be a git repository/i.test(end.err) ? 'NOT_FOUND' : 'SOURCE_UNREACHABLE'
  return new CatalystError(code, `${shownUrl(url)} could not be fetched: ${reason(end.err)}`)
}

function reason(said: string): string {
  return said.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !/^(To|Done|hint:)/.test(line)).slice(-3).join('; ').slice(0, 300)
}

