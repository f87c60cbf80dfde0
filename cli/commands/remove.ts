import { CatalystError } from '../../schemas/errors.ts'
import type { Lock } from '../../schemas/lock.ts'
import { editPluginSet } from '../../schemas/plugin-set-edit.ts'
import type { Command } from '../command.ts'
import { relock } from './lock.ts'

/** `catalyst remove ID [--with-dependents]`: takes entries out of plugins.yaml and writes the lock; `apply` then deactivates them. */
export const removeCommand: Command<{ readonly id: string; readonly withDependents?: boolean }> = async (context, { id, withDependents }) => {
  const { files } = context.house
  const { desired, text } = await files.readDesired()
  const locked = await files.readLock()
  const wanted = desired.plugins.map((p) => p.id)
  if (!wanted.includes(id)) throw new CatalystError('UNKNOWN_PLUGIN', `plugins.yaml has no plugin ${id}`, { hint: `It has: ${wanted.join(', ') || 'none'}.` })
  const dependents = dependentsOf(id, locked).filter((d) => wanted.includes(d))
  if (dependents.length > 0 && !withDependents) {
    throw new CatalystError('IN_USE', `${dependents.join(', ')} ${dependents.length === 1 ? 'needs' : 'need'} ${id}`, { hint: `catalyst remove ${id} --with-dependents removes ${[id, ...dependents].join(', ')}.` })
  }
  const editor = editPluginSet(text, files.shown(files.pluginsPath))
  for (const gone of [id, ...dependents]) editor.removePlugin(gone)
  await files.writePlugins(editor.toString())
  return relock(context, { kind: 'lock' }, locked)
}

/** Ids whose locked versions need the plugin, directly or through others. */
function dependentsOf(id: string, locked: Lock | undefined): readonly string[] {
  const found = new Set([id])
  for (let before = 0; before !== found.size; ) {
    before = found.size
    for (const [other, block] of Object.entries(locked?.plugins ?? {})) if (Object.keys(block.dependencies).some((d) => found.has(d))) found.add(other)
  }
  found.delete(id)
  return [...found].sort()
}
