import { join } from 'node:path'
import { CatalystError, type Problem } from '../../schemas/errors.ts'
import { bytesOf } from '../write-file.ts'
import { newestChain, newestSigned, type Chain, type Versions } from './chain.ts'
import { ENTRIES, PUBLISHED, roleOfPath, SIGNED } from './layout.ts'
import { binFinder, signatureState, type Envelope, type PublicKey, type RoleKeys, type RootSigned, type TargetInfo, type TargetsSigned } from './metadata.ts'
import type { IndexTree } from './index-tree.ts'
import { binsOf, currentRoot, delegation, readEnvelope, readRoots, type RootFile, type Roots } from './people.ts'
import { expiresWithin, metadataFile, TargetFiles, type Written } from './publish-files.ts'
import { isThere, publishedRole, type Published } from './published.ts'
import { sameTarget, sameTargets, targetInfo } from './targets.ts'

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
  /** The roots up to that one, which readers follow. */
  readonly roots: readonly RootFile[]
  readonly targets: TargetsSigned
  readonly written: readonly Written[]
  readonly problems: readonly Problem[]
}

/**
 * The people's part: delegations and entries, as far as enough of them signed. What is not ready stays as it was published;
 * so do a root and delegations that what they lead to is not signed for yet.
 */
export async function publishPeoples(work: PeoplesWork): Promise<Peoples> {
  const roots = await readRoots(work.tree.read)
  const newest = currentRoot(roots)
  const desk = new Desk(work)
  const chain = await newestChain(await rootsThatMayCount(work.folder, roots), desk.versionsOf)
  if (!chain) return desk.refuse(newest)
  const { data } = chain.root
  await desk.tellWaiting(newest, chain)
  await desk.publish('targets', chain.targets)
  await desk.publish(ENTRIES, chain.entries)
  const finder = await desk.publishBins(chain.entries)
  await desk.tellUnsigned(finder.binOf)
  const upTo = roots.complete.filter((root) => root.data.signed.version <= data.signed.version)
  return { root: data.signed, roots: upTo, targets: chain.targets.signed, written: desk.written, problems: [...desk.problems, ...stagedRoot(roots)] }
}

/** Versions only grow: from the root that readers have already, when there is one. */
async function rootsThatMayCount(folder: string, { complete }: Roots): Promise<readonly RootFile[]> {
  for (let at = complete.length - 1; at > 0; at--) if (await isThere(join(folder, PUBLISHED.metadata('root', at + 1)))) return complete.slice(at)
  return complete
}

function stagedRoot({ staged }: Roots): readonly Problem[] {
  return staged ? [waiting(SIGNED.root(staged.signed.version), 'more signatures')] : []
}

function binsToLookAt({ changes }: PeoplesWork, { binOf, bins }: ReturnType<typeof binFinder>, isNew: boolean): readonly string[] {
  if (changes.all || isNew || changes.paths.includes(SIGNED.role(ENTRIES))) return bins
  const named = changes.paths.flatMap((path) => (roleOfPath(path) === ENTRIES ? [binOf(path)] : bins.filter((bin) => path === SIGNED.role(bin))))
  return [...new Set(named)]
}

function waiting(file: string, what: string): Problem {
  return { code: 'SIGNATURES_MISSING', message: `${file} waits for ${what}`, place: { file } }
}

/** How long before its end metadata of people is spoken of. */
const WARN_DAYS = 45

interface Read extends Versions {
  /** What lies in git, whether it may count or not. */
  readonly inGit: Envelope<TargetsSigned> | undefined
}

/** Takes one piece of the people's metadata after the other, and keeps what becomes of it. */
class Desk {
  readonly written: Written[] = []
  readonly problems: Problem[] = []
  readonly #work: PeoplesWork
  readonly #versions = new Map<string, Promise<Read>>()
  /** Files of the index by path, as the bins that count name them. */
  readonly #listed = new Map<string, TargetInfo>()
  /** Those that were read, as they were signed. */
  readonly #read = new Map<string, TargetInfo>()
  readonly #files: TargetFiles

  constructor(work: PeoplesWork) {
    this.#work = work
    this.#files = new TargetFiles(work.folder, { many: work.changes.all })
  }

  readonly versionsOf = (role: string): Promise<Read> => {
    const known = this.#versions.get(role) ?? this.#readVersions(role)
    this.#versions.set(role, known)
    return known
  }

  async #readVersions(role: string): Promise<Read> {
    const { tree, folder, before } = this.#work
    const inGit = await readEnvelope(tree.read, role)
    const published = await publishedRole(folder, before, role)
    const staged = inGit && inGit.signed.version > (published?.signed.version ?? 0) ? inGit : undefined
    let whole: Promise<boolean> | undefined
    return { inGit, published, staged, isWhole: () => (whole ??= staged ? this.#contents(staged, published) : Promise.resolve(false)) }
  }

  /** Publishes what counts now for a role, if it is not what was published before. */
  async publish(role: string, { signed, signatures }: Envelope<TargetsSigned>): Promise<void> {
    const { folder, now } = this.#work
    const { published } = await this.versionsOf(role)
    if (expiresWithin(signed, WARN_DAYS, now)) this.problems.push({ code: 'SIGNATURES_MISSING', severity: 'warning', message: `${SIGNED.role(role)} expires at ${signed.expires}: its keys must sign it again before` })
    if (signed.version !== published?.signed.version) this.written.push(await metadataFile(folder, role, { signatures, signed }, published?.signed.version))
  }

  /** The same for the bins of entries, with the files that they name. */
  async publishBins(entries: Envelope<TargetsSigned>): Promise<ReturnType<typeof binFinder>> {
    const { keys, who } = binsOf(entries.signed, ENTRIES)
    const finder = binFinder(who)
    const isNew = entries.signed.version !== (await this.versionsOf(ENTRIES)).published?.signed.version
    for (const bin of binsToLookAt(this.#work, finder, isNew)) {
      await this.#tell(bin, keys, who)
      const versions = await this.versionsOf(bin)
      const data = (await newestSigned(versions, keys, who)) ?? versions.published
      if (!data) throw new CatalystError('SIGNATURES_MISSING', `${SIGNED.role(bin)} is missing, or does not fit the files that it names`)
      await this.publish(bin, data)
      for (const [path, info] of Object.entries(data.signed.targets)) this.#listed.set(path, info)
    }
    return finder
  }

  /** Says what delegations wait for, under the newest keys that enough people signed, and what waits for them. */
  async tellWaiting(newest: RootSigned, chain: Chain | undefined): Promise<TargetsSigned | undefined> {
    await this.#tell('targets', newest.keys, newest.roles.targets)
    const targets = (await newestSigned(await this.versionsOf('targets'), newest.keys, newest.roles.targets)) ?? chain?.targets
    if (!targets) return undefined
    const { keys, who } = delegation(targets.signed, ENTRIES)
    await this.#tell(ENTRIES, keys, who)
    const entries = (await newestSigned(await this.versionsOf(ENTRIES), keys, who)) ?? chain?.entries
    if (entries && entries !== chain?.entries) await this.#tellBins(entries.signed)
    if (chain && newest.version !== chain.root.data.signed.version) this.#say(waiting(SIGNED.root(newest.version), 'the delegations and entries that its keys must sign'))
    else if (chain && targets !== chain.targets) this.#say(waiting(SIGNED.role('targets'), 'the entries that its keys must sign'))
    return targets.signed
  }

  async #tellBins(entries: TargetsSigned): Promise<void> {
    const { keys, who } = binsOf(entries, ENTRIES)
    for (const bin of binFinder(who).bins) await this.#tell(bin, keys, who)
  }

  /** Nothing can be published, and nothing was before. @throws CatalystError SIGNATURES_MISSING */
  async refuse(newest: RootSigned): Promise<never> {
    await this.tellWaiting(newest, undefined)
    const [problem] = this.problems
    throw new CatalystError('SIGNATURES_MISSING', problem ? `${problem.message}, and no older version was published that these keys signed` : 'entries are missing, or do not fit the files that they name')
  }

  /** Once of each file: a bin may wait for old keys and for new ones. */
  #say(problem: Problem): void {
    if (!this.problems.some(({ place, severity }) => severity === undefined && place?.file === problem.place?.file)) this.problems.push(problem)
  }

  /** Why what lies in git does not count under these keys. */
  async #tell(role: string, keys: Readonly<Record<string, PublicKey>>, who: RoleKeys): Promise<void> {
    const { inGit, published } = await this.versionsOf(role)
    const file = SIGNED.role(role)
    if (!inGit) return
    const { missing } = signatureState(inGit, keys, who)
    if (missing > 0) this.#say(waiting(file, `${missing} more signature${missing > 1 ? 's' : ''}`))
    else if (published && !isOfItsHistory(inGit.signed, published.signed)) this.#say({ code: 'INDEX_REWRITTEN', message: `${file} is version ${inGit.signed.version}, but ${published.signed.version} was published${inGit.signed.version === published.signed.version ? ' with other contents' : ''}: versions only grow`, place: { file }, hint: 'Run `catalyst registry keys sign` on the newest state of the repository.' })
  }

  /** Entries that changed and that no bin which counts names as they are now. */
  async tellUnsigned(binOf: (path: string) => string): Promise<void> {
    for (const path of this.#work.changes.paths.filter((path) => roleOfPath(path) === ENTRIES && !this.#isAsListed(path))) {
      const bytes = await this.#work.tree.read(path)
      if (!sameTarget(bytes && targetInfo(bytes), this.#listed.get(path))) this.#say(waiting(path, `the signature of ${SIGNED.role(binOf(path))}`))
    }
  }

  #isAsListed(path: string): boolean {
    const read = this.#read.get(path)
    return read !== undefined && sameTarget(read, this.#listed.get(path))
  }

  /** Publishes the files that a bin names. False when one is not in the tree as it was signed. */
  async #contents(data: Envelope<TargetsSigned>, old: Envelope<TargetsSigned> | undefined): Promise<boolean> {
    const { tree, folder } = this.#work
    for (const [path, info] of Object.entries(data.signed.targets)) {
      if (sameTarget(info, old?.signed.targets[path])) continue
      const bytes = (await tree.read(path)) ?? (await bytesOf(join(folder, PUBLISHED.target(path, info.hashes.sha256))))
      if (!bytes || !sameTarget(targetInfo(bytes), info)) return false
      this.written.push(...(await this.#files.put(path, bytes)).written)
      this.#read.set(path, info)
    }
    return true
  }
}

/** True of a newer version, and of the published one itself. */
function isOfItsHistory(inGit: TargetsSigned, published: TargetsSigned): boolean {
  if (inGit.version !== published.version) return inGit.version > published.version
  return sameTargets(inGit.targets, published.targets) && JSON.stringify(inGit.delegations) === JSON.stringify(published.delegations)
}
