import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { StoreSnapshot } from '../ports.ts'
import { trying } from '../state/disk.ts'
import { buildGeneration, currentGeneration, generationNumbers, liveSet, liveTrees, sameSet, switchTo } from '../state/generations.ts'
import { openJournal, readJournal } from '../state/journal.ts'
import type { StorePaths } from '../state/paths.ts'
import { hasTree, namesIn, removeWhole } from '../state/trees.ts'

/**
 * Undoes what an interrupted pass left on this machine. The store's database is the truth: a generation that went
 * live here without being recorded goes back to the recorded one, and its folder away; what was unpacked half goes.
 * A recorded one is finished already. Call while holding the lease. Gives true when there was something to look at.
 */
export function recover(paths: StorePaths, store: StoreSnapshot): boolean {
  if (readJournal(paths.journal).lines.length === 0 && !existsSync(paths.journal)) return false
  followStore(paths, store)
  trying(`clear up in ${paths.root}`, () => {
    const newest = Math.max(0, ...store.generations.map((g) => g.number))
    const unrecorded = generationNumbers(paths).filter((n) => n > newest && n !== currentGeneration(paths))
    for (const number of unrecorded) removeWhole(paths.generation(number))
    for (const folder of [paths.trees, paths.generations]) removeBegun(folder)
    removeWhole(paths.tmp)
  })
  openJournal(paths.journal).clear()
  return true
}

/**
 * Makes `current` what the store's database says. Where trees of that generation are missing here, `current` stays:
 * the next plan brings them as repairs.
 */
export function followStore(paths: StorePaths, { generation }: Pick<StoreSnapshot, 'generation'>): void {
  if (!generation) return trying(`remove ${paths.current}`, () => rmSync(paths.current, { force: true }))
  const live = liveSet(generation)
  const present = liveTrees(paths)
  if (currentGeneration(paths) === generation.number && present && sameSet(present, live)) return
  if (![...live.values()].every((tree) => hasTree(paths, tree))) return
  buildGeneration(paths, generation.number, live)
  switchTo(paths, generation.number)
}

/** Names that start with a dot are work that was begun and not finished. */
function removeBegun(folder: string): void {
  for (const name of namesIn(folder)) if (name.startsWith('.')) removeWhole(join(folder, name))
}
