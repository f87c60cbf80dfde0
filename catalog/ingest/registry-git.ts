import { canonicalJson, sha256, type Digest } from '../../schemas/digest.ts'
import { CatalystError, type Problem, problemsOfError } from '../../schemas/errors.ts'
import { indexPath } from '../../schemas/names.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import type { RegistryEntry, RegistryFile } from '../../schemas/registry-entry.ts'
import { otherIndexLines, readEntry, readIndexLines, readRegistryFile } from '../../schemas/registry-files.ts'
import type { BotRepository } from '../../registry/git-bot.ts'

/** An entry as it stands in git: read, and as its reviewers wrote it. */
export interface GitEntry {
  readonly entry: RegistryEntry
  readonly text: string
  readonly digest: Digest
}

/** All entries that can be read. One that cannot is no entry that has gone: it is among `unreadable`, and holds up no other. */
export interface GitEntries {
  readonly entries: readonly GitEntry[]
  /** Ids, by the names of their files. */
  readonly unreadable: readonly string[]
  readonly problems: readonly Problem[]
}

/** A registry at one commit. */
export interface RegistryAtCommit {
  readonly commit: string
  readonly registry: RegistryFile
  entries(): Promise<GitEntries>
  entry(id: string): Promise<GitEntry | undefined>
  /** @throws CatalystError INDEX_INVALID */
  lines(id: string): Promise<readonly IndexLine[]>
  /** Lines of an index file in a format that is not ours, as they stand there. */
  otherLines(id: string): Promise<readonly string[]>
  /** Changes when any entry does. */
  readonly entriesDigest: Digest
}

/** Reads a registry's git repository at a commit. @throws CatalystError INDEX_INVALID when registry.yaml is missing or wrong */
export async function registryAt(repository: BotRepository, commit: string): Promise<RegistryAtCommit> {
  const bytes = await repository.file(commit, 'registry.yaml')
  if (!bytes) throw new CatalystError('INDEX_INVALID', `there is no registry.yaml at ${commit}`, { hint: 'Commit a registry.yaml: apiVersion, kind: Registry, name.' })
  const files = (await repository.list(commit, 'entries')).filter(([path]) => /^entries\/[^/]+\.yaml$/.test(path))
  return {
    commit,
    registry: readRegistryFile(bytes, 'registry.yaml'),
    entriesDigest: sha256(canonicalJson(files)),
    entries: () => readAll(repository, files),
    entry: async (id) => {
      const found = await repository.file(commit, `entries/${id}.yaml`)
      return found && gitEntry(found, `entries/${id}.yaml`, id)
    },
    lines: async (id) => {
      const path = `index/${indexPath(id)}`
      const found = await repository.file(commit, path)
      return found ? readIndexLines(found, path, id) : []
    },
    otherLines: async (id) => {
      const path = `index/${indexPath(id)}`
      const found = await repository.file(commit, path)
      return found ? otherIndexLines(found, path) : []
    },
  }
}

const AT_ONCE = 1_000

async function readAll(repository: BotRepository, files: readonly (readonly [string, string])[]): Promise<GitEntries> {
  const [entries, unreadable, problems]: [GitEntry[], string[], Problem[]] = [[], [], []]
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const some = files.slice(at, at + AT_ONCE)
    const contents = await repository.read(some.map(([, oid]) => oid))
    for (const [n, [path]] of some.entries()) {
      const id = path.slice('entries/'.length, -'.yaml'.length)
      try {
        entries.push(gitEntry(contents[n] ?? new Uint8Array(), path, id))
      } catch (error) {
        if (!(error instanceof CatalystError)) throw error
        unreadable.push(id)
        problems.push(...problemsOfError(error))
      }
    }
  }
  return { entries, unreadable, problems }
}

function gitEntry(bytes: Uint8Array, path: string, id: string): GitEntry {
  const entry = readEntry(bytes, path, id)
  return { entry, text: Buffer.from(bytes).toString('utf8'), digest: sha256(canonicalJson(entry)) }
}
