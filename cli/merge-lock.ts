import { CatalystError } from '../schemas/errors.ts'
import { splitConflicts } from '../schemas/lock-conflicts.ts'
import { readLock } from '../schemas/lock-file.ts'
import { LOCK_VERSION, type Lock } from '../schemas/lock.ts'
import { compareVersions } from '../schemas/versions.ts'
import type { StoreFiles } from './store-files.ts'

/**
 * The lock that both sides of a merge meant: each side's blocks, and where both have a plugin the newer version. It
 * is only a preference for the resolver, which proves the merged graph again. @throws CatalystError LOCK_INVALID
 */
export async function mergedLock(files: StoreFiles): Promise<Lock | undefined> {
  const text = await files.lockText()
  if (text === undefined) throw new CatalystError('LOCK_MISSING', 'there is no lock to merge')
  const { ours, theirs } = splitConflicts(text)
  const name = files.shown(files.lockPath)
  const [a, b] = [readLock(Buffer.from(ours), `${name} (ours)`), readLock(Buffer.from(theirs), `${name} (theirs)`)]
  const plugins: Lock['plugins'] = { ...a.plugins }
  for (const [id, block] of Object.entries(b.plugins)) {
    const mine = plugins[id]
    if (!mine || compareVersions(mine.version, block.version) < 0) plugins[id] = block
  }
  return { lockVersion: LOCK_VERSION, plugins, removed: { ...a.removed, ...b.removed } }
}
