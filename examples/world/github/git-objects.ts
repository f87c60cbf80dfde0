import fs from 'node:fs'
import type * as Git from 'isomorphic-git'
import type { CommitObject, TagObject, TreeEntry } from 'isomorphic-git'

/** Reads objects of a bare repository in place. isomorphic-git is loaded when the first one is asked for. */
export class GitObjects {
  readonly #at: { fs: typeof fs; gitdir: string; cache: object }

  constructor(gitdir: string) {
    this.#at = { fs, gitdir, cache: {} }
  }

  /** Every ref under a prefix (`refs/tags/`) with the object that it points to, sorted. */
  async refs(prefix: string): Promise<readonly { ref: string; oid: string }[]> {
    const git = await load()
    const list = prefix.startsWith('refs/tags/') ? git.listTags : git.listBranches
    const names = await list(this.#at)
    const folder = prefix.startsWith('refs/tags/') ? 'refs/tags/' : 'refs/heads/'
    const refs = names.map((name) => folder + name).filter((ref) => ref.startsWith(prefix)).sort()
    return Promise.all(refs.map(async (ref) => ({ ref, oid: await git.resolveRef({ ...this.#at, ref }) })))
  }

  /** The object of an exact ref, or undefined. */
  async ref(ref: string): Promise<string | undefined> {
    const git = await load()
    return git.resolveRef({ ...this.#at, ref }).catch(() => undefined)
  }

  async type(oid: string): Promise<'blob' | 'tree' | 'commit' | 'tag' | undefined> {
    const git = await load()
    const found = await git.readObject({ ...this.#at, oid, format: 'content' }).catch(() => undefined)
    return found?.type as 'blob' | 'tree' | 'commit' | 'tag' | undefined
  }

  async commit(oid: string): Promise<CommitObject> {
    return (await (await load()).readCommit({ ...this.#at, oid })).commit
  }

  async tag(oid: string): Promise<TagObject> {
    return (await (await load()).readTag({ ...this.#at, oid })).tag
  }

  async tree(oid: string): Promise<readonly TreeEntry[]> {
    return (await (await load()).readTree({ ...this.#at, oid })).tree
  }

  async blob(oid: string): Promise<Buffer> {
    return Buffer.from((await (await load()).readBlob({ ...this.#at, oid })).blob)
  }

  /** The commit that a branch, tag (annotated ones too) or commit id names, or undefined. */
  async commitOf(name: string): Promise<string | undefined> {
    const candidates = [name, `refs/heads/${name}`, `refs/tags/${name}`, `refs/${name}`]
    for (const candidate of candidates) {
      const oid = /^[0-9a-f]{40}$/.test(candidate) ? candidate : await this.ref(candidate)
      const type = oid && (await this.type(oid))
      if (oid && type === 'commit') return oid
      if (oid && type === 'tag') return (await this.tag(oid)).object
    }
    return undefined
  }

  /** The entry at a path of a commit; the root is a tree with the path ''. */
  async entry(commit: string, path: string): Promise<TreeEntry | undefined> {
    let entry: TreeEntry | undefined = { mode: '040000', path: '', oid: (await this.commit(commit)).tree, type: 'tree' }
    for (const name of path.split('/').filter(Boolean)) {
      entry = entry?.type === 'tree' ? (await this.tree(entry.oid)).find((child) => child.path === name) : undefined
    }
    return entry
  }
}

let loaded: Promise<typeof Git> | undefined
function load(): Promise<typeof Git> {
  loaded ??= import('isomorphic-git')
  return loaded
}
