import { join } from 'node:path'
import { CatalystError, type Problem } from '../../schemas/errors.ts'
import { bytesOf, writeWhole } from '../write-file.ts'
import { ENTRIES, PUBLISHED, roleOfPath, SIGNED } from './layout.ts'
import { binFinder, type Envelope, type RootSigned, type TargetInfo, type TargetsSigned } from './metadata.ts'
import type { IndexTree } from './index-tree.ts'
import { binsOf, currentRoot, delegation, readRole, readRoots, type Judged, type Roots } from './people.ts'
import { expiresWithin, metadataFile, TargetFiles, type Written } from './publish-files.ts'
import { publishedRole, type Published } from './published.ts'
import { sameTarget, targetInfo } from './targets.ts'

/** What of the people's part is looked at. */
interface PeoplesWork {
  readonly tree: IndexTree
  readonly folder: string
  readonly before: Published | undefined
  readonly changes: { readonly paths: readonly string[]; readonly all: boolean }
  readonly now: string
}

interface Peoples {
  readonly root: RootSigned
  readonly targets: TargetsSigned
  readonly written: readonly Written[]
  readonly problems: readonly Problem[]
}

/** The people's part: roots, delegations and entries, as far as enough of them signed. What is not ready stays as it was published. */
export async function publishPeoples(work: PeoplesWork): Promise<Peoples> {
  const { read } = work.tree
  const roots = await readRoots(read)
  const root = currentRoot(roots)
  const desk = new Desk(work)
  const targets = await desk.publish(await readRole(read, 'targets', root.keys, root.roles.targets), 'targets')
  const { keys, who } = delegation(targets, ENTRIES)
  const entries = await desk.publish(await readRole(read, ENTRIES, keys, who), ENTRIES)
  const own = binsOf(entries, ENTRIES)
  const finder = binFinder(own.who)
  for (const bin of binsToLookAt(work, finder)) await desk.publishBin(await readRole(read, bin, own.keys, own.who), bin)
  await desk.tellUnsigned(finder.binOf)
  return { root, targets, written: [...(await writeRoots(work.folder, roots)), ...desk.written], problems: [...desk.problems, ...stagedRoot(roots)] }
}

async function writeRoots(folder: string, { complete }: Roots): Promise<readonly Written[]> {
  const written: Written[] = []
  for (const { bytes, data } of complete) {
    const path = PUBLISHED.metadata('root', data.signed.version)
    if (await writeWhole(join(folder, path), bytes)) written.push({ path })
  }
  return written
}

function stagedRoot({ staged }: Roots): readonly Problem[] {
  return staged ? [waiting(SIGNED.root(staged.signed.version), 'more signatures')] : []
}

function binsToLookAt({ changes, before }: PeoplesWork, { binOf, bins }: ReturnType<typeof binFinder>): readonly string[] {
  if (changes.all || !before || changes.paths.includes(SIGNED.role(ENTRIES))) return bins
  const named = changes.paths.flatMap((path) => (roleOfPath(path) === ENTRIES ? [binOf(path)] : bins.filter((bin) => path === SIGNED.role(bin))))
  return [...new Set(named)]
}

function waiting(file: string, what: string): Problem {
  return { code: 'SIGNATURES_MISSING', message: `${file} waits for ${what}`, place: { file } }
}

/** How long before its end metadata of people is spoken of. */
const WARN_DAYS = 45

/** Takes one piece of the people's metadata after the other, and keeps what becomes of it. */
class Desk {
  readonly written: Written[] = []
  readonly problems: Problem[] = []
  readonly #work: PeoplesWork
  /** Files of the index by path, as the bins that count name them. */
  readonly #listed = new Map<string, TargetInfo>()
  /** Those of them that were read and are as they are listed. */
  readonly #read = new Set<string>()
  readonly #files: TargetFiles

  constructor(work: PeoplesWork) {
    this.#work = work
    this.#files = new TargetFiles(work.folder, { many: work.changes.all })
  }

  /** Publishes a role's metadata when it is ready, and gives what counts now: it, or what was published before. */
  async publish(judged: Judged | undefined, role: string): Promise<TargetsSigned> {
    const { folder, before, now } = this.#work
    const old = await publishedRole(folder, before, role)
    const use = this.#chosen(judged, old, role)
    if (expiresWithin(use.signed, WARN_DAYS, now)) this.problems.push({ code: 'SIGNATURES_MISSING', severity: 'warning', message: `${SIGNED.role(role)} expires at ${use.signed.expires}: its keys must sign it again before` })
    if (use.signed.version !== old?.signed.version) this.written.push(await metadataFile(folder, role, use, old?.signed.version))
    return use.signed
  }

  /** The same for a bin of entries, with the files that it names. */
  async publishBin(judged: Judged | undefined, bin: string): Promise<void> {
    const old = await publishedRole(this.#work.folder, this.#work.before, bin)
    const whole = judged && judged.missing === 0 ? await this.#contents(judged, old) : true
    const signed = await this.publish(whole ? judged : undefined, bin)
    for (const [path, info] of Object.entries(signed.targets)) this.#listed.set(path, info)
  }

  /** Entries that changed and that no bin which counts names as they are now. */
  async tellUnsigned(binOf: (path: string) => string): Promise<void> {
    for (const path of this.#work.changes.paths.filter((path) => roleOfPath(path) === ENTRIES && !this.#read.has(path))) {
      const bytes = await this.#work.tree.read(path)
      if (!sameTarget(bytes && targetInfo(bytes), this.#listed.get(path))) this.problems.push(waiting(path, `the signature of ${SIGNED.role(binOf(path))}`))
    }
  }

  #chosen(judged: Judged | undefined, old: Envelope<TargetsSigned> | undefined, role: string): Envelope<TargetsSigned> {
    const file = SIGNED.role(role)
    if (judged && judged.missing === 0 && judged.data.signed.version >= (old?.signed.version ?? 0)) return judged.data
    if (judged && judged.missing === 0) this.problems.push({ code: 'INDEX_REWRITTEN', message: `${file} is version ${judged.data.signed.version}, but ${old?.signed.version} was published: versions only grow`, place: { file }, hint: 'Run `catalyst registry keys sign` on the newest state of the repository.' })
    if (judged && judged.missing > 0) this.problems.push(waiting(file, `${judged.missing} more signature${judged.missing > 1 ? 's' : ''}`))
    if (old) return old
    throw new CatalystError('SIGNATURES_MISSING', judged ? `${file} waits for ${judged.missing} more signature${judged.missing > 1 ? 's' : ''}, and no older version was published` : `${file} is missing, or does not fit the files that it names`)
  }

  /** Publishes the files that a bin names. False when one is not in the tree as it was signed. */
  async #contents({ data }: Judged, old: Envelope<TargetsSigned> | undefined): Promise<boolean> {
    const { tree, folder } = this.#work
    for (const [path, info] of Object.entries(data.signed.targets)) {
      if (sameTarget(info, old?.signed.targets[path])) continue
      const bytes = (await tree.read(path)) ?? (await bytesOf(join(folder, PUBLISHED.target(path, info.hashes.sha256))))
      if (!bytes || !sameTarget(targetInfo(bytes), info)) return false
      this.written.push(...(await this.#files.put(path, bytes)).written)
      this.#read.add(path)
    }
    return true
  }
}
