import type { DesiredPlugin, DesiredState } from '../reconciler/plan/desired.ts'
import type { LockOutcome } from '../reconciler/lock/lock.ts'
import { rewish } from '../reconciler/lock/blocks.ts'
import type { ResolveMode } from '../reconciler/resolve/types.ts'
import { editPluginSet } from '../schemas/plugin-set-edit.ts'
import { exactVersion, satisfies } from '../schemas/versions.ts'

/** `update ID` may move an exact pin: for the resolution it asks for that version or a later one. */
export function unpinned(desired: DesiredState, mode: ResolveMode): DesiredState {
  if (mode.kind !== 'update' || mode.ids === 'all') return desired
  const named = new Set(mode.ids)
  return { ...desired, plugins: desired.plugins.map((p) => (named.has(p.id) && exactVersion(p.range) ? { ...p, range: `>=${p.range}` } : p)) }
}

/** plugins.yaml and the lock after an update that went past what plugins.yaml said. */
export interface MovedPins {
  readonly text: string
  readonly outcome: LockOutcome
}

/** Rewrites the range of every plugin whose new version the written range does not allow, in the style it was written. */
export function movePins(text: string, written: DesiredState, outcome: LockOutcome, file: string): MovedPins {
  const editor = editPluginSet(text, file)
  const plugins = { ...outcome.lock.plugins }
  for (const plugin of written.plugins) {
    const block = plugins[plugin.id]
    if (!block) continue
    const range = satisfies(block.version, plugin.range, plugin.channel === 'beta') ? plugin.range : newRange(plugin, block.version)
    if (range !== plugin.range) editor.setVersion(plugin.id, range)
    plugins[plugin.id] = rewish(block, { requested: range, uninstall: plugin.uninstall })
  }
  const changes = outcome.changes.map((c) => ({ ...c, to: plugins[c.id] })).filter((c) => c.from?.entryDigest !== c.to?.entryDigest)
  return { text: editor.toString(), outcome: { ...outcome, changes, lock: { ...outcome.lock, plugins } } }
}

function newRange(plugin: DesiredPlugin, version: string): string {
  if (exactVersion(plugin.range)) return version
  return plugin.range.startsWith('~') ? `~${version}` : `^${version}`
}
