import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { CatalystError } from '../../schemas/errors.ts'
import { writeWhole } from '../write-file.ts'
import { folder, type IndexTree } from './index-tree.ts'
import { bins, DELEGATED_PATHS, ENTRIES, INDEX, LASTS, roleOfPath, SIGNED } from './layout.ts'
import { binFinder, bytesOfEnvelope, envelope, expiryAfter, keyIdOf, signersOf, SPEC_VERSION, withSignature, type Envelope, type PublicKey, type RoleKeys, type RootSigned, type Signed, type Signer, type SuccinctRoles, type TargetInfo, type TargetsSigned } from './metadata.ts'
import { binsOf, currentRoot, delegation, missingOfRoot, readEnvelope, readRole, readRoots, type ReadFile } from './people.ts'
import { expiresWithin } from './publish-files.ts'
import { sameTargets, targetInfo } from './targets.ts'

/*
 * The key ceremony: metadata that people sign is staged as files in the registry's repository. Each signs on a machine of
 * their own and commits; what has enough signatures counts. Nothing here needs the network.
 */

/** Whose keys a new registry has. */
export interface Founding {
  /** Who may change the root, and how many of them it takes. */
  readonly root: readonly PublicKey[]
  readonly rootThreshold: number
  /** Who says who may publish. */
  readonly maintainers: readonly PublicKey[]
  readonly threshold: number
  readonly online: { readonly index: PublicKey; readonly snapshot: PublicKey; readonly timestamp: PublicKey }
  /** 2^bits bins for entries: every one of them is signed by people. */
  readonly bits: number
  readonly now: string
}

/** Writes the first root and the delegations, unsigned. @throws CatalystError CONTRADICTION where keys are already */
export async function found(dir: string, founding: Founding): Promise<readonly string[]> {
  if (await folder(dir).read(SIGNED.root(1))) throw new CatalystError('CONTRADICTION', `${join(dir, SIGNED.root(1))} is there already: this registry has keys`, { hint: 'Change them with `catalyst registry keys rotate`.' })
  const { root, maintainers, online, now } = founding
  const first: RootSigned = {
    _type: 'root', spec_version: SPEC_VERSION, version: 1, expires: expiryAfter(now, LASTS.root.days), consistent_snapshot: true, 'x-catalyst-lineage': randomUUID(),
    keys: keyMap([...root, ...maintainers, online.snapshot, online.timestamp]),
    roles: { root: role(root, founding.rootThreshold), targets: role(maintainers, founding.threshold), snapshot: role([online.snapshot], 1), timestamp: role([online.timestamp], 1) },
  }
  const people = role(maintainers, founding.threshold)
  return write(dir, [
    [SIGNED.root(1), envelope(first)],
    [SIGNED.role('targets'), envelope(topTargets(1, people, keyMap([...maintainers, online.index]), role([online.index], 1), now))],
    [SIGNED.role(ENTRIES), envelope(entriesRole(1, bins(ENTRIES, people, founding.bits), keyMap(maintainers), now))],
  ])
}

/** What changes about the keys of one role. */
export interface Rotation {
  readonly role: 'root' | 'maintainers' | 'index' | 'snapshot' | 'timestamp'
  readonly add: readonly PublicKey[]
  /** Key ids, or names of keys. */
  readonly remove: readonly string[]
  readonly threshold?: number | undefined
  readonly now: string
}

/**
 * Stages the next version of what names the keys of a role: the root (for `root`, `snapshot`, `timestamp` and
 * `maintainers`), the delegations (for `maintainers` and `index`). Another rotation before it is signed goes into the
 * same version. @throws CatalystError CONTRADICTION for a threshold that could not be met, KEY_INVALID for an unknown key
 */
export async function rotate(dir: string, rotation: Rotation): Promise<readonly string[]> {
  const { read } = folder(dir)
  const roots = await readRoots(read)
  const base = roots.staged?.signed ?? currentRoot(roots)
  const version = currentRoot(roots).version + 1
  const files: (readonly [string, Envelope<Signed>])[] = []
  if (rotation.role !== 'index') {
    const name = rotation.role === 'maintainers' ? 'targets' : rotation.role
    const next = rotatedRole(base.keys, base.roles[name], rotation)
    const keys = { ...base.keys, ...next.keys }
    files.push([SIGNED.root(version), envelope<RootSigned>({ ...base, version, expires: expiryAfter(rotation.now, LASTS.root.days), keys: usedKeys(keys, Object.values({ ...base.roles, [name]: next.role })), roles: { ...base.roles, [name]: next.role } })])
  }
  if (rotation.role === 'index' || rotation.role === 'maintainers') files.push(...(await rotatedDelegations(dir, rotation)))
  return write(dir, files)
}

async function rotatedDelegations(dir: string, rotation: Rotation): Promise<readonly (readonly [string, Envelope<Signed>])[]> {
  const { read } = folder(dir)
  const root = currentRoot(await readRoots(read))
  const targets = required(await readRole(read, 'targets', root.keys, root.roles.targets), 'targets').data.signed
  const [entries, index] = [delegation(targets, ENTRIES), delegation(targets, INDEX)]
  const changed = rotatedRole(targets.delegations?.keys ?? {}, rotation.role === 'index' ? index.who : entries.who, rotation)
  const people = rotation.role === 'index' ? roleOnly(entries.who) : changed.role
  const keys = { ...targets.delegations?.keys, ...changed.keys }
  const files: (readonly [string, Envelope<Signed>])[] = [[SIGNED.role('targets'), envelope(topTargets(targets.version + 1, people, keys, rotation.role === 'index' ? changed.role : roleOnly(index.who), rotation.now))]]
  if (rotation.role === 'index') return files
  const old = required(await readRole(read, ENTRIES, entries.keys, entries.who), ENTRIES).data.signed
  const own = binsOf(old, ENTRIES)
  const next = [SIGNED.role(ENTRIES), envelope(entriesRole(old.version + 1, bins(ENTRIES, people, own.who.bit_length), keys, rotation.now))] as const
  return [...files, next, ...(await nextBins(read, binFinder(own.who).bins, rotation.now))]
}

/** The same entries to be signed by other keys: as new versions, for one that was published stays as it is. */
async function nextBins(read: ReadFile, names: readonly string[], now: string): Promise<readonly (readonly [string, Envelope<Signed>])[]> {
  const found = await Promise.all(names.map(async (bin) => [SIGNED.role(bin), await readEnvelope(read, bin)] as const))
  return found.flatMap(([file, old]) => (old ? [[file, envelope({ ...old.signed, version: old.signed.version + 1, expires: expiryAfter(now, LASTS.people.days) })] as const] : []))
}

function rotatedRole(keys: Readonly<Record<string, PublicKey>>, old: RoleKeys, { add, remove, threshold = old.threshold }: Rotation): { readonly role: RoleKeys; readonly keys: Readonly<Record<string, PublicKey>> } {
  const gone = remove.map((word) => {
    const id = old.keyids.find((keyid) => keyid === word || keys[keyid]?.['x-catalyst-name'] === word)
    if (id === undefined) throw new CatalystError('KEY_INVALID', `${word} is no key of this role`, { hint: 'See them with `catalyst registry keys show`.' })
    return id
  })
  const keyids = [...new Set([...old.keyids.filter((id) => !gone.includes(id)), ...add.map(keyIdOf)])]
  if (threshold < 1 || threshold > keyids.length) throw new CatalystError('CONTRADICTION', `${threshold} of ${keyids.length} keys would have to sign`, { hint: 'Give --threshold with a number that the keys can reach.' })
  return { role: { keyids, threshold }, keys: keyMap(add) }
}

/** What one key has to sign, and what changes by it, for a person to read. */
export interface ToSign {
  readonly file: string
  readonly what: string
}

/** The state of the ceremony with all that should be signed now: entries as they lie in the checkout, and what is near its end. */
export async function stage(dir: string, now: string): Promise<readonly ToSign[]> {
  const tree = folder(dir)
  const plan = await staging(tree, now)
  await write(dir, plan.map(({ file, data }) => [file, data] as const))
  return plan.map(({ file, what }) => ({ file, what }))
}

interface Staged extends ToSign {
  readonly data: Envelope<Signed>
}

async function staging(tree: IndexTree, now: string): Promise<readonly Staged[]> {
  const roots = await readRoots(tree.read)
  const root = roots.staged?.signed ?? currentRoot(roots)
  const staged: Staged[] = []
  if (!roots.staged && expiresWithin(root, LASTS.root.renewBelow, now)) staged.push({ file: SIGNED.root(root.version + 1), what: `the root for another ${LASTS.root.days} days`, data: envelope({ ...root, version: root.version + 1, expires: expiryAfter(now, LASTS.root.days) }) })
  const targets = required(await readRole(tree.read, 'targets', root.keys, root.roles.targets), 'targets')
  const { keys, who } = delegation(targets.data.signed, ENTRIES)
  const entries = required(await readRole(tree.read, ENTRIES, keys, who), ENTRIES)
  for (const { role, data } of [targets, entries]) {
    if (expiresWithin(data.signed, LASTS.people.renewBelow, now)) staged.push({ file: SIGNED.role(role), what: `${role} for another ${LASTS.people.days} days`, data: envelope({ ...data.signed, version: data.signed.version + 1, expires: expiryAfter(now, LASTS.people.days) }) })
  }
  return [...staged, ...(await stagedBins(tree, binsOf(entries.data.signed, ENTRIES), now))]
}

async function stagedBins(tree: IndexTree, { keys, who }: { readonly keys: Readonly<Record<string, PublicKey>>; readonly who: SuccinctRoles }, now: string): Promise<readonly Staged[]> {
  const finder = binFinder(who)
  const listed = Map.groupBy(await entryFiles(tree), ([path]) => finder.binOf(path))
  const staged: Staged[] = []
  for (const bin of finder.bins) {
    const targets = Object.fromEntries(listed.get(bin) ?? [])
    const old = await readRole(tree.read, bin, keys, who)
    const foreign = old?.data.signatures.some(({ keyid }) => !who.keyids.includes(keyid)) ?? false
    if (old && sameTargets(old.data.signed.targets, targets) && !foreign && !expiresWithin(old.data.signed, LASTS.people.renewBelow, now)) continue
    const data = envelope<TargetsSigned>({ _type: 'targets', spec_version: SPEC_VERSION, version: (old?.data.signed.version ?? 0) + 1, expires: expiryAfter(now, LASTS.people.days), targets })
    staged.push({ file: SIGNED.role(bin), what: difference(old?.data.signed.targets ?? {}, targets), data })
  }
  return staged
}

async function entryFiles(tree: IndexTree): Promise<readonly (readonly [string, TargetInfo])[]> {
  const { paths } = await tree.changedSince(undefined)
  const files = paths.filter((path) => roleOfPath(path) === ENTRIES)
  return Promise.all(files.map(async (path) => [path, targetInfo((await tree.read(path)) ?? new Uint8Array())] as const))
}

/** `+ entries/new.yaml  ~ entries/changed.yaml  - entries/gone.yaml`, or that nothing but its age changed. */
export function difference(old: Readonly<Record<string, TargetInfo>>, now: Readonly<Record<string, TargetInfo>>): string {
  const marks = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort().flatMap((path) => {
    if (!old[path]) return [`+ ${path}`]
    if (!now[path]) return [`- ${path}`]
    return old[path].hashes.sha256 === now[path].hashes.sha256 ? [] : [`~ ${path}`]
  })
  return marks.length > 0 ? marks.join('  ') : Object.keys(now).length === 0 ? 'no entries' : 'the same entries for another year'
}

/** A signature that was added. */
export interface SignedFile {
  readonly file: string
  readonly keys: readonly string[]
  /** Signatures that are still missing. */
  readonly missing: number
}

/**
 * Adds the signatures of these keys to everything that waits for them. Signatures that do not hold are taken out.
 * @throws CatalystError KEY_INVALID when none of the keys may sign anything here
 */
export async function sign(dir: string, signers: readonly Signer[]): Promise<readonly SignedFile[]> {
  const done: SignedFile[] = []
  const files: (readonly [string, Envelope<Signed>])[] = []
  let known = false
  for (const { file, data, keys, who, missingOf } of await signable(dir)) {
    const mine = signers.filter(({ keyid }) => who.some((role) => role.keyids.includes(keyid)))
    known ||= mine.length > 0
    const good = signersOf(data, keys)
    const adding = mine.filter(({ keyid }) => !good.includes(keyid))
    if (adding.length === 0 || missingOf(data) === 0) continue
    const clean: Envelope<Signed> = { ...data, signatures: data.signatures.filter(({ keyid }) => good.includes(keyid)) }
    const signed = adding.reduce((all, signer) => withSignature(all, signer), clean)
    files.push([file, signed])
    done.push({ file, keys: adding.map(({ key, keyid }) => key['x-catalyst-name'] ?? keyid), missing: missingOf(signed) })
  }
  if (!known) throw new CatalystError('KEY_INVALID', 'none of these keys may sign anything in this registry', { hint: 'See who may with `catalyst registry keys show`.' })
  await write(dir, files)
  return done
}

/** A file that people sign, with the keys that count for it. */
export interface Signable {
  readonly file: string
  readonly data: Envelope<Signed>
  readonly keys: Readonly<Record<string, PublicKey>>
  readonly who: readonly RoleKeys[]
  readonly missingOf: (data: Envelope<Signed>) => number
}

/** Everything that people sign, the newest version of each. A delegation counts as it is staged: all can be signed in one sitting. */
export async function signable(dir: string): Promise<readonly Signable[]> {
  const { read } = folder(dir)
  const roots = await readRoots(read)
  const before = roots.complete.at(-1)?.data.signed
  const root = roots.staged ?? roots.complete.at(-1)?.data
  if (!root) return []
  const previous = roots.staged ? before : roots.complete.at(-2)?.data.signed
  const rootFile: Signable = { file: SIGNED.root(root.signed.version), data: root, keys: { ...previous?.keys, ...root.signed.keys }, who: [root.signed.roles.root, ...(previous ? [previous.roles.root] : [])], missingOf: (data) => missingOfRoot(data as Envelope<RootSigned>, previous) }
  const targets = await signableRole(dir, 'targets', root.signed.keys, root.signed.roles.targets)
  const top = targets?.data.signed as TargetsSigned | undefined
  if (!targets || !top) return [rootFile]
  const { keys, who } = delegation(top, ENTRIES)
  const entries = await signableRole(dir, ENTRIES, keys, who)
  if (!entries) return [rootFile, targets]
  const own = binsOf(entries.data.signed as TargetsSigned, ENTRIES)
  const all = await Promise.all(binFinder(own.who).bins.map((bin) => signableRole(dir, bin, own.keys, own.who)))
  return [rootFile, targets, entries, ...all.filter((file) => file !== undefined)]
}

async function signableRole(dir: string, name: string, keys: Readonly<Record<string, PublicKey>>, who: RoleKeys): Promise<Signable | undefined> {
  const judged = await readRole(folder(dir).read, name, keys, who)
  if (!judged) return undefined
  const missingOf = (data: Envelope<Signed>): number => Math.max(0, who.threshold - signersOf(data, keys).filter((id) => who.keyids.includes(id)).length)
  return { file: SIGNED.role(name), data: judged.data, keys, who: [who], missingOf }
}

function topTargets(version: number, people: RoleKeys, keys: Readonly<Record<string, PublicKey>>, index: RoleKeys, now: string): TargetsSigned {
  const roles = [
    { name: ENTRIES, ...people, terminating: true, paths: DELEGATED_PATHS[ENTRIES] },
    { name: INDEX, ...index, terminating: true, paths: DELEGATED_PATHS[INDEX] },
  ]
  return { _type: 'targets', spec_version: SPEC_VERSION, version, expires: expiryAfter(now, LASTS.people.days), targets: {}, delegations: { keys: usedKeys(keys, roles), roles } }
}

function entriesRole(version: number, who: SuccinctRoles, keys: Readonly<Record<string, PublicKey>>, now: string): TargetsSigned {
  return { _type: 'targets', spec_version: SPEC_VERSION, version, expires: expiryAfter(now, LASTS.people.days), targets: {}, delegations: { keys: usedKeys(keys, [who]), succinct_roles: who } }
}

function role(keys: readonly PublicKey[], threshold: number): RoleKeys {
  const keyids = [...new Set(keys.map(keyIdOf))]
  if (threshold < 1 || threshold > keyids.length) throw new CatalystError('CONTRADICTION', `${threshold} of ${keyids.length} keys would have to sign`, { hint: 'Give --threshold with a number that the keys can reach.' })
  return { keyids, threshold }
}

function roleOnly({ keyids, threshold }: RoleKeys): RoleKeys {
  return { keyids, threshold }
}

function keyMap(keys: readonly PublicKey[]): Readonly<Record<string, PublicKey>> {
  return Object.fromEntries(keys.map((key) => [keyIdOf(key), key]))
}

function usedKeys(keys: Readonly<Record<string, PublicKey>>, roles: readonly RoleKeys[]): Readonly<Record<string, PublicKey>> {
  const used = new Set(roles.flatMap(({ keyids }) => keyids))
  return Object.fromEntries(Object.entries(keys).filter(([id]) => used.has(id)))
}

function required<T>(found: T | undefined, role: string): T {
  if (found === undefined) throw new CatalystError('FILE_NOT_FOUND', `${SIGNED.role(role)} is missing`, { hint: 'Restore it from git.' })
  return found
}

async function write(dir: string, files: readonly (readonly [string, Envelope<Signed>])[]): Promise<readonly string[]> {
  for (const [file, data] of files) await writeWhole(join(dir, file), bytesOfEnvelope(data))
  return files.map(([file]) => file)
}
