import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { publishedFile, roleOfPath } from './layout.ts'
import { binFinder, type TargetsSigned } from './metadata.ts'
import { binsOf } from './people.ts'
import { publishedRole, readPublished, type Published, type PublishedState } from './published.ts'

type Retired = PublishedState['retired']

/** How long what was replaced stays for readers who have begun. */
const KEPT_MS = 24 * 3_600_000

/**
 * Takes away what was replaced long ago. What the published state names is kept whatever the list says: content that was
 * replaced may be listed again, and a publishing that was killed may have named it and not told. @returns what stays for now
 */
export async function sweep(folder: string, retired: Retired, now: string): Promise<Retired> {
  const latest = [...new Map(retired.map((file) => [file.path, file])).values()]
  const due = latest.filter(({ at }) => Date.parse(now) - Date.parse(at) > KEPT_MS)
  if (due.length === 0) return latest
  const published = await readPublished(folder)
  const names = new Names(folder, published)
  for (const { path } of due) if (!(await names.has(path))) await rm(join(folder, path), { force: true })
  return latest.filter((file) => !due.includes(file))
}

/** What the published state names. Each role is read once. */
class Names {
  readonly #folder: string
  readonly #published: Published | undefined
  readonly #roles = new Map<string, Promise<TargetsSigned | undefined>>()

  constructor(folder: string, published: Published | undefined) {
    this.#folder = folder
    this.#published = published
  }

  async has(file: string): Promise<boolean> {
    const { role, version, path = '', sha256 } = publishedFile(file) ?? {}
    if (role !== undefined) return version === this.#versionOf(role)
    const delegation = roleOfPath(path)
    const parent = delegation && (await this.#role(delegation))
    if (!delegation || !parent) return false
    const bin = await this.#role(binFinder(binsOf(parent, delegation).who).binOf(path))
    return bin?.targets[path]?.hashes.sha256 === sha256
  }

  #versionOf(role: string): number | undefined {
    const { timestamp, snapshot } = this.#published ?? {}
    return role === 'snapshot' ? timestamp?.signed.meta['snapshot.json'].version : snapshot?.signed.meta[`${role}.json`]?.version
  }

  #role(role: string): Promise<TargetsSigned | undefined> {
    const read = this.#roles.get(role) ?? publishedRole(this.#folder, this.#published, role).then((data) => data?.signed)
    this.#roles.set(role, read)
    return read
  }
}
