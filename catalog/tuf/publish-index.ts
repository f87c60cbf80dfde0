import { bins, bitsFor, INDEX, LASTS, PUBLISHED, roleOfPath } from './layout.ts'
import { binFinder, expiryAfter, SPEC_VERSION, type Envelope, type RoleKeys, type Signer, type TargetInfo, type TargetsSigned } from './metadata.ts'
import type { IndexTree } from './index-tree.ts'
import { delegation } from './people.ts'
import { expiresWithin, metadataFile, signedBy, TargetFiles, type Written } from './publish-files.ts'
import { publishedRole, type Published } from './published.ts'
import { sameTarget, sameTargets } from './targets.ts'

/** What of the index is looked at. */
interface IndexWork {
  readonly tree: IndexTree
  readonly folder: string
  readonly before: Published | undefined
  readonly changes: { readonly paths: readonly string[]; readonly all: boolean }
  readonly targets: TargetsSigned
  readonly signers: readonly Signer[]
  readonly now: string
}

/** Files that are read and written at once. */
const AT_ONCE = 32

/** The bot's part: `index` and its bins. One changed line rewrites one bin; bins near their end, or of another key, are signed again. */
export async function publishIndexBins(work: IndexWork): Promise<{ readonly written: readonly Written[]; readonly renewAt: string }> {
  const { keys, who } = delegation(work.targets, INDEX)
  const contents = await writeContents(work)
  const role = await indexRole(work, { keyids: who.keyids, threshold: who.threshold }, keys, contents.infos)
  const finder = binFinder(role.bins)
  const affected = Map.groupBy(contents.infos, ([path]) => finder.binOf(path))
  const due = (work.before?.state.renewAt ?? '') <= work.now
  const visited = work.changes.all || due || role.isNew ? finder.bins : [...affected.keys()]
  const written: Written[] = []
  for (const bin of visited) written.push(...(await writeBin(work, role.bins, bin, { changes: affected.get(bin) ?? [], all: work.changes.all })))
  return { written: [...contents.written, ...written, ...role.written], renewAt: await renewal(work, visited.length === finder.bins.length) }
}

type Infos = readonly (readonly [string, TargetInfo | undefined])[]

/** Content of each changed file, under its digest. `undefined` for a file that is gone. */
async function writeContents({ tree, folder, changes }: IndexWork): Promise<{ readonly infos: Infos; readonly written: readonly Written[] }> {
  const paths = changes.paths.filter((path) => roleOfPath(path) === INDEX)
  const written: Written[] = []
  const files = new TargetFiles(folder, { many: changes.all })
  const content = async (path: string): Promise<Infos[number]> => {
    const bytes = await tree.read(path)
    if (!bytes) return [path, undefined]
    const file = await files.put(path, bytes)
    written.push(...file.written)
    return [path, file.info]
  }
  const infos: Infos[number][] = []
  for (let at = 0; at < paths.length; at += AT_ONCE) infos.push(...(await Promise.all(paths.slice(at, at + AT_ONCE).map(content))))
  return { infos, written }
}

/** The delegated role itself: signed again with other keys, near its end, or when its bins became too full. */
async function indexRole({ folder, before, signers, now, changes }: IndexWork, who: RoleKeys, keys: NonNullable<TargetsSigned['delegations']>['keys'], infos: Infos) {
  const old = await publishedRole(folder, before, INDEX)
  const oldBins = old?.signed.delegations?.succinct_roles
  const bits = Math.max(oldBins?.bit_length ?? 0, changes.all || !oldBins ? bitsFor(Math.max(1, infos.length)) : 0)
  const wanted = bins(INDEX, who, bits)
  if (old && oldBins && oldBins.bit_length === bits && sameKeys(oldBins, who) && !expiresWithin(old.signed, LASTS.index.renewBelow, now)) return { bins: oldBins, isNew: false, written: [] }
  const role = signedBy<TargetsSigned>(
    { _type: 'targets', spec_version: SPEC_VERSION, version: (old?.signed.version ?? 0) + 1, expires: expiryAfter(now, LASTS.index.days), targets: {}, delegations: { keys: Object.fromEntries(who.keyids.flatMap((id) => (keys[id] ? [[id, keys[id]]] : []))), succinct_roles: wanted } },
    signers,
    who,
  )
  return { bins: wanted, isNew: true, written: [await metadataFile(folder, INDEX, role, old?.signed.version)] }
}

function sameKeys(a: RoleKeys, b: RoleKeys): boolean {
  return a.threshold === b.threshold && a.keyids.length === b.keyids.length && a.keyids.every((id) => b.keyids.includes(id))
}

async function writeBin({ folder, before, signers, now }: IndexWork, who: RoleKeys, bin: string, { changes, all }: { changes: Infos; all: boolean }): Promise<readonly Written[]> {
  const old = await publishedRole(folder, before, bin)
  const targets = merged(all ? {} : (old?.signed.targets ?? {}), changes)
  if (old && sameTargets(old.signed.targets, targets) && !expiresWithin(old.signed, LASTS.index.renewBelow, now) && old.signatures.every(({ keyid }) => who.keyids.includes(keyid))) return []
  const data = signedBy<TargetsSigned>({ _type: 'targets', spec_version: SPEC_VERSION, version: (old?.signed.version ?? 0) + 1, expires: expiryAfter(now, LASTS.index.days), targets }, signers, who)
  const file = await metadataFile(folder, bin, data, old?.signed.version)
  return [{ ...file, replaces: [...(file.replaces ?? []), ...goneContents(old, targets)] }]
}

function merged(base: Readonly<Record<string, TargetInfo>>, changes: Infos): Readonly<Record<string, TargetInfo>> {
  const targets = { ...base }
  for (const [path, info] of changes) {
    if (info) targets[path] = info
    else delete targets[path]
  }
  return targets
}

function goneContents(old: Envelope<TargetsSigned> | undefined, targets: Readonly<Record<string, TargetInfo>>): readonly string[] {
  return Object.entries(old?.signed.targets ?? {}).flatMap(([path, info]) => (sameTarget(info, targets[path]) ? [] : [PUBLISHED.target(path, info.hashes.sha256)]))
}

/** When bins must be signed again at the latest: half their life after the oldest of them was. */
async function renewal({ before, now }: IndexWork, all: boolean): Promise<string> {
  const soon = new Date(Date.parse(now) + LASTS.index.renewBelow * 86_400_000).toISOString()
  const known = before?.state.renewAt
  return all || known === undefined || known < now ? soon : known < soon ? known : soon
}
