import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Files of a commit by their path in the repository. */
export type Files = Readonly<Record<string, string | Uint8Array>>

/** A commit to make. Everything has a fixed default, so that equal contents give equal commit ids. */
export interface CommitInput {
  readonly files?: Files
  /** Paths of files or folders to take away. */
  readonly remove?: readonly string[]
  readonly message?: string
  /** Author and committer time; default `EPOCH`. */
  readonly at?: Date
  /** Default `main`. */
  readonly branch?: string
  /** Default the branch's head. A commit id or tag starts elsewhere, and the branch then points to the new line; `null` begins a new history without the old files. */
  readonly parent?: string | null
  /** Makes a lightweight tag of this name, or an annotated one with a message. */
  readonly tag?: string | { readonly name: string; readonly message: string }
}

/** The time of everything that does not say another: long enough ago for every minimum release age. */
export const EPOCH = new Date('2026-01-02T03:04:05Z')

const PERSON = 'Ada Author <ada@world.localhost>'

/** A bare repository on disk, written by `git fast-import`: one process for a commit of any size. */
export class BareRepository {
  readonly dir: string
  #queue: Promise<unknown> = Promise.resolve()

  constructor(dir: string) {
    this.dir = dir
  }

  /** Makes an empty repository; `git init` does the same in a process of its own. */
  static create(dir: string): BareRepository {
    mkdirSync(join(dir, 'objects'), { recursive: true })
    mkdirSync(join(dir, 'refs/heads'), { recursive: true })
    writeFileSync(join(dir, 'HEAD'), 'ref: refs/heads/main\n')
    writeFileSync(join(dir, 'config'), CONFIG)
    return new BareRepository(dir)
  }

  /** Makes one commit and returns its id. Calls on one repository happen in their order. */
  commit(input: CommitInput): Promise<string> {
    const made = this.#queue.then(() => this.#import(input))
    this.#queue = made.catch(() => undefined)
    return made
  }

  /** The id that a ref (`refs/heads/main`) points to now, or undefined. */
  resolve(ref: string): string | undefined {
    const loose = join(this.dir, ref)
    if (existsSync(loose)) return readFileSync(loose, 'utf8').trim()
    const packed = join(this.dir, 'packed-refs')
    if (!existsSync(packed)) return undefined
    return readFileSync(packed, 'utf8').split('\n').find((line) => line.endsWith(` ${ref}`))?.slice(0, 40)
  }

  async #import(input: CommitInput): Promise<string> {
    const branch = `refs/heads/${input.branch ?? 'main'}`
    const parent = input.parent === undefined ? this.resolve(branch) : (input.parent ?? undefined)
    // --force lets a branch leave its history behind, which is what a test of rewritten history wants.
    const answer = await git(this.dir, ['fast-import', '--quiet', '--force', '--date-format=raw'], commitStream({ ...input, branch, parent }))
    return answer.toString().trim()
  }
}

// Large commits stay one pack, small ones become loose objects; nothing here must outlive a power cut.
const CONFIG = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	fsync = none
	compression = 1
[fastimport]
	unpackLimit = 20
[gc]
	auto = 0
[uploadpack]
	allowReachableSHA1InWant = true
	allowFilter = true
`

/** Runs git with a repository and gives what it wrote. @throws Error with git's own words. */
export function git(dir: string, args: readonly string[], input: Uint8Array | string = ''): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['--git-dir', dir, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    const problems: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => problems.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(Buffer.concat(out)) : reject(new Error(`git ${args[0]} in ${dir}: ${Buffer.concat(problems)}`))))
    // git may end before it has read everything; its exit code tells then.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

/** The commit in git-fast-import(1)'s language; it prints the new commit's id. */
function commitStream(commit: Omit<CommitInput, 'parent'> & { branch: string; parent: string | undefined }): Buffer {
  const when = `${PERSON} ${Math.floor((commit.at ?? EPOCH).getTime() / 1000)} +0000`
  return Buffer.concat([
    Buffer.from(`commit ${commit.branch}\nmark :1\nauthor ${when}\ncommitter ${when}\n`),
    data(`${commit.message ?? 'Release'}\n`),
    Buffer.from(commit.parent ? `from ${commit.parent}\n` : ''),
    ...(commit.remove ?? []).map((path) => Buffer.from(`D ${quoted(path)}\n`)),
    ...Object.entries(commit.files ?? {}).flatMap(([path, bytes]) => [Buffer.from(`M 100644 inline ${quoted(path)}\n`), data(bytes)]),
    tagStream(commit.tag, when),
    Buffer.from('get-mark :1\n'),
  ])
}

function tagStream(tag: CommitInput['tag'], tagger: string): Buffer {
  if (tag === undefined) return Buffer.alloc(0)
  if (typeof tag === 'string') return Buffer.from(`reset refs/tags/${tag}\nfrom :1\n`)
  return Buffer.concat([Buffer.from(`tag ${tag.name}\nfrom :1\ntagger ${tagger}\n`), data(`${tag.message}\n`)])
}

function data(bytes: string | Uint8Array): Buffer {
  const body = Buffer.from(bytes)
  return Buffer.concat([Buffer.from(`data ${body.length}\n`), body, Buffer.from('\n')])
}

function quoted(path: string): string {
  return /^"|[\n\\]/.test(path) ? JSON.stringify(path) : path
}
