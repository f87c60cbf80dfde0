import { byCodeUnit, digestOf } from '../../schemas/digest.ts'
import { GITHUB_ACTIONS_ISSUER, type SignerRule } from '../../schemas/common.ts'
import { LOCK_VERSION, type Lock, type LockBlock } from '../../schemas/lock.ts'
import { minimalPermissions } from '../../schemas/permissions.ts'
import type { PluginEntry } from '../../schemas/plugin-set.ts'
import { satisfies } from '../../schemas/versions.ts'
import type { InstallRecord } from '../ports.ts'
import type { DesiredPlugin, DesiredState } from './desired.ts'
import { configDigest, grantOf } from './sides.ts'

/** What git must say of one installed plugin so that it says what is. */
export interface Adoption {
  readonly id: string
  /** The plugin has an entry in plugins.yaml already, or gets none because others need it and that is enough. */
  readonly entry: 'new' | 'changed' | 'none'
  /** Keys of the entry to write; those that are not here stay as they are. */
  readonly keys: PluginEntry
  /** The lock block to write, absent when the lock has it. */
  readonly block: LockBlock | undefined
  /** What git said otherwise, in the words of plugins.yaml. */
  readonly differs: readonly string[]
  /** What stands against it: a person must decide first. */
  readonly refused: readonly string[]
}

interface Git {
  readonly desired: DesiredState
  readonly lock: Lock | undefined
}

/**
 * The adoptions of installed plugins that differ from git, by id; those that do not differ are left out. `asked` is the one
 * plugin to adopt with what it needs; absent: all. Pure.
 */
export function adoptions(git: Git, installs: readonly InstallRecord[], asked?: string): readonly Adoption[] {
  const ids = asked === undefined ? undefined : withNeeded(asked, installs)
  const records = installs.filter((r) => ids?.has(r.id) ?? true)
  return records.map((record) => adoption(record, git, record.id === asked ? [] : installs)).filter((a) => a.entry !== 'none' || a.block !== undefined).sort((a, b) => byCodeUnit(a.id, b.id))
}

/** The lock with the blocks of these adoptions, which are not removed and wait for nothing any more. Pure. */
export function adoptedLock(lock: Lock | undefined, adopted: readonly Adoption[]): Lock {
  const { plugins = {}, removed = {}, waiting = {}, ...rest } = lock ?? { lockVersion: LOCK_VERSION }
  const ids = new Set(adopted.map((a) => a.id))
  const others = <V>(blocks: Readonly<Record<string, V>>): Record<string, V> => Object.fromEntries(Object.entries(blocks).filter(([id]) => !ids.has(id)))
  const [gone, waits] = [others(removed), others(waiting)]
  return {
    ...rest,
    lockVersion: LOCK_VERSION,
    plugins: { ...plugins, ...Object.fromEntries(adopted.flatMap(({ id, block }) => (block ? [[id, block] as const] : []))) },
    ...(Object.keys(gone).length > 0 ? { removed: gone } : {}),
    ...(Object.keys(waits).length > 0 ? { waiting: waits } : {}),
  }
}

function withNeeded(asked: string, installs: readonly InstallRecord[]): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (id: string): void => {
    if (found.has(id)) return
    found.add(id)
    for (const needed of Object.keys(installs.find((r) => r.id === id)?.block.dependencies ?? {})) visit(needed)
  }
  visit(asked)
  return found
}

/** `others` may need it. */
function adoption(record: InstallRecord, git: Git, others: readonly InstallRecord[]): Adoption {
  const { id, block } = record
  const plugin = git.desired.plugins.find((p) => p.id === id)
  const inLock = git.lock?.plugins[id]?.entryDigest === block.entryDigest && git.lock.waiting?.[id] === undefined
  const about = { id, block: inLock ? undefined : block, refused: refusals(record, plugin, git.desired) }
  if (!plugin && isNeeded(record, others)) return { ...about, entry: 'none', keys: {}, differs: inLock ? [] : ['the lock'] }
  const keys = plugin ? changedKeys(record, plugin, git.desired) : newEntry(record, git.desired)
  const words = [...Object.keys(keys), ...(inLock ? [] : ['the lock'])]
  if (!plugin) return { ...about, entry: 'new', keys, differs: ['plugins.yaml has no entry'] }
  return { ...about, entry: Object.keys(keys).length > 0 ? 'changed' : 'none', keys, differs: words }
}

/** A dependency that plugins.yaml never named is wanted by those that need it: all of them are in git, or are adopted now. */
function isNeeded({ id, block }: InstallRecord, others: readonly InstallRecord[]): boolean {
  return block.requested === undefined && others.some((r) => Object.hasOwn(r.block.dependencies, id))
}

function newEntry(record: InstallRecord, desired: DesiredState): PluginEntry {
  const { block, config } = record
  const { signer, source } = block
  return {
    version: block.requested ?? `^${block.version}`,
    ...(block.registry !== undefined && desired.registries.length > 1 ? { registry: block.registry } : {}),
    ...(source === undefined ? {} : { source }),
    ...(source !== undefined && signer.kind === 'provenance' ? { signer: signerRule(block, signer), ...(signer.profile === 'public-good' ? {} : { sigstore: signer.profile }) } : {}),
    ...(signer.kind === 'unsigned' ? { verify: { unsigned: true, sha256: block.artifact.sha256 } } : {}),
    ...(record.enabled ? {} : { enabled: false }),
    permissions: minimalPermissions(record.grant),
    ...(config && Object.keys(config).length > 0 ? { config } : {}),
    ...uninstallKeys(block, desired.policy.uninstall),
  }
}

/** What an entry says otherwise than what is installed. */
function changedKeys(record: InstallRecord, plugin: DesiredPlugin, desired: DesiredState): PluginEntry {
  const { block, config } = record
  const fits = satisfies(block.version, plugin.range, plugin.channel === 'beta')
  const range = block.requested ?? plugin.range
  return {
    ...(fits && range === plugin.range ? {} : { version: satisfies(block.version, range, true) ? range : block.version }),
    ...(record.enabled === plugin.enabled ? {} : { enabled: record.enabled }),
    ...(record.grantDigest === digestOf(grantOf(plugin)) ? {} : { permissions: minimalPermissions(record.grant) }),
    ...(record.configDigest === configDigest(plugin.config) || !config ? {} : { config }),
    ...(digestOf(plugin.uninstall) === digestOf(block.uninstall) ? {} : { uninstall: {}, ...uninstallKeys(block, desired.policy.uninstall) }),
  }
}

function uninstallKeys({ uninstall }: LockBlock, policy: DesiredState['policy']['uninstall']): Pick<PluginEntry, 'uninstall'> {
  const other = Object.entries(uninstall).filter(([key, value]) => policy[key as keyof typeof policy] !== value)
  return other.length === 0 ? {} : { uninstall: Object.fromEntries(other) }
}

function refusals({ id, block, config, configDigest: digest }: InstallRecord, plugin: DesiredPlugin | undefined, desired: DesiredState): readonly string[] {
  const found: string[] = []
  if (block.registry !== undefined && !desired.registries.some((r) => r.name === block.registry)) found.push(`it came from the registry ${block.registry}, which plugins.yaml does not name`)
  if (plugin?.reject.includes(block.version)) found.push(`plugins.yaml rejects ${block.version}`)
  if (plugin && plugin.source !== block.source) found.push(`it came from ${block.source ?? 'a registry'}, plugins.yaml says ${plugin.source ?? 'a registry'}`)
  const said = plugin?.config ?? {}
  if (config === undefined && digest !== configDigest(said)) found.push(`its config was recorded by digest alone, and plugins.yaml says another one`)
  if (desired.removed && Object.keys(desired.removed).some((key) => key.startsWith(`${id}@`))) found.push('`removed:` speaks of it')
  return found
}

function signerRule(block: LockBlock, signer: Extract<LockBlock['signer'], { kind: 'provenance' }>): SignerRule {
  return {
    workflow: signer.workflow,
    ...(signer.issuer === GITHUB_ACTIONS_ISSUER ? {} : { issuer: signer.issuer }),
    ...(signer.ref === `refs/tags/${block.tag}` ? {} : { refs: [signer.ref] }),
    ...(signer.reusable ? { reusable: signer.reusable } : {}),
  }
}
