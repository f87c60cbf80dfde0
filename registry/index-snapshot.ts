import type { IndexSnapshot } from '../reconciler/ports.ts'
import { CatalystError } from '../schemas/errors.ts'
import { idProblem, indexPath } from '../schemas/names.ts'
import { readEntry, readIndexLines, readRegistryFile } from '../schemas/registry-files.ts'

/** Files of an index that do not change any more, wherever they lie. */
export interface IndexFiles {
  readonly registry: string
  readonly head: string
  readonly freshness: IndexSnapshot['freshness']
  /** The bytes of a file, undefined when the index has none there. @throws CatalystError INDEX_INVALID */
  file(path: string): Promise<Uint8Array | undefined>
  descendsFrom(head: string): Promise<boolean>
  close(): Promise<void>
}

/**
 * Reads the layout of an index (`registry.yaml`, `entries/<id>.yaml`, `index/<prefix>/<id>`); each file is read and
 * parsed once. @throws CatalystError INDEX_INVALID when registry.yaml is missing or wrong
 */
export async function indexSnapshot(files: IndexFiles): Promise<IndexSnapshot> {
  const bytes = await files.file('registry.yaml')
  if (!bytes) throw new CatalystError('INDEX_INVALID', `${files.registry} has no registry.yaml at ${files.head}`)
  const file = readRegistryFile(bytes, shown(files, 'registry.yaml'))
  return {
    registry: files.registry,
    head: files.head,
    freshness: files.freshness,
    file,
    entry: onceEach((id) => read(files, `entries/${id}.yaml`, (text, name) => readEntry(text, name, id)), undefined),
    lines: onceEach(async (id) => (await read(files, `index/${indexPath(id)}`, (text, name) => readIndexLines(text, name, id))) ?? [], []),
    descendsFrom: (head) => files.descendsFrom(head),
    close: () => files.close(),
  }
}

async function read<T>(files: IndexFiles, path: string, parse: (bytes: Uint8Array, name: string) => T): Promise<T | undefined> {
  const bytes = await files.file(path)
  return bytes && parse(bytes, shown(files, path))
}

function shown(files: IndexFiles, path: string): string {
  return `${files.registry}:${path}`
}

/** An id becomes a part of a path: what is no id is never looked for, because it cannot be listed. */
function onceEach<T>(work: (id: string) => Promise<T>, none: T): (id: string) => Promise<T> {
  const known = new Map<string, Promise<T>>()
  return (id) => {
    if (idProblem(id)) return Promise.resolve(none)
    const answer = known.get(id) ?? work(id)
    known.set(id, answer)
    return answer
  }
}
