import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../../schemas/digest.ts'
import type { PluginData } from '../data-ports.ts'
import type { StoreSnapshot, StoreState } from '../ports.ts'
import { trying } from '../state/disk.ts'
import { buildGeneration, currentGeneration, generationNumbers, liveSet, liveTrees, sameSet, switchTo } from '../state/generations.ts'
import { openJournal, readJournal, type JournalLine } from '../state/journal.ts'
import { assertOwnFolders } from '../state/own-folders.ts'
import type { StorePaths } from '../state/paths.ts'
import { hasTree, isQuarantined, namesIn, removeWhole } from '../state/trees.ts'
import { leftOff, takeBack } from './take-back.ts'

export interface RecoverDeps {
  readonly state: StoreState
  readonly paths: StorePaths
  readonly clock: () => string
  readonly by: string
  /** Restores that were cut off are finished or undone before anything else of the plugins is looked at. */
  readonly data?: () => Promise<PluginData>
}

/**
 * Undoes what an interrupted pass left on this machine. The store's database is the truth: a generation that went
 * live here without being recorded goes back to the recorded one, and its folder away; what was unpacked half goes.
 * A recorded one is finished already. A repair that had put an altered tree aside is recorded now. A rollback that was cut
 * off while it changed tables is undone, wherever that was. Call while holding the lease. Gives the store as it is afterwards, and whether there was anything to look at.
 * @throws CatalystError FILE_UNREADABLE when a link stands in place of a folder of ours
 */
export async function recover(deps: RecoverDeps, token: number): Promise<{ readonly store: StoreSnapshot; readonly recovered: boolean }> {
  const { state, paths } = deps
  assertOwnFolders(paths)
  const store = await state.read()
  // A plugin that is off for its tables may have been left so on another machine, whose journal is there.
  const isHere = existsSync(paths.journal)
  if (!isHere && leftOff(store).length === 0) return { store, recovered: false }
  if (isHere) followStore(paths, store)
  const { open } = isHere ? readJournal(paths.journal) : { open: [] }
  const undone = await settleData(open, store, deps, token)
  const repaired = await recordRepairs(open, store, deps, token)
  const told = await recordRestore(open, store, deps, token)
  if (isHere) clearUp(paths, store)
  if (isHere) openJournal(paths.journal).clear()
  return { store: undone || repaired || told ? await state.read() : store, recovered: isHere || undone }
}

/** Restores that were cut off are finished or undone, and rollbacks undone. True when that was recorded. */
async function settleData(open: readonly JournalLine[], store: StoreSnapshot, { data, ...deps }: RecoverDeps, token: number): Promise<boolean> {
  if (!data || (leftOff(store).length === 0 && !open.some((line) => line.key.startsWith('restore')))) return false
  await (await data()).backups.settle({ token, now: deps.clock() })
  return takeBack(store, token, { ...deps, data })
}

/** A restore is in the place of what was there wholly or not at all, and must not miss in the audit when it was cut off before it could be told. */
async function recordRestore(open: readonly JournalLine[], { generation, installs, holds }: StoreSnapshot, { state, clock, by }: RecoverDeps, token: number): Promise<boolean> {
  const begun = open.find((line) => line.key === 'restore')
  const name = begun?.details?.['name']
  if (begun === undefined || typeof name !== 'string' || !generation) return false
  const told = (await state.audit({ limit: 100 })).some((r) => r.event === 'restore' && r.details['backup'] === name && r.at >= begun.at)
  if (told) return false
  const audit = [{ event: 'restore', id: name.replace(/-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$/, ''), details: { backup: name, interrupted: true } }]
  await state.commit({ generation, activation: { at: clock(), by, reason: 'recover' }, installs, removed: [], holds, audit, token }, clock())
  return true
}

/** Details of the journal's intent to replace an altered tree. */
export interface RepairIntent {
  readonly id: string
  readonly tree: Digest
  readonly quarantine: string
}

/** What an interrupted repair put aside is no drift any more, so nobody would see it again: it must not miss in the audit. */
async function recordRepairs(open: readonly JournalLine[], store: StoreSnapshot, { state, clock, by }: RecoverDeps, token: number): Promise<boolean> {
  const begun = open.filter((line) => line.key.startsWith('repair:')).flatMap(({ details }) => (isRepair(details) ? [details] : []))
  const known = new Set((await state.audit({ limit: 1000 })).map((record) => record.details['quarantine']))
  const missing = begun.filter(({ tree, quarantine }) => isQuarantined(tree, quarantine) && !known.has(quarantine))
  const { generation, installs, holds } = store
  if (missing.length === 0 || !generation) return false
  const audit = missing.map(({ id, tree, quarantine }) => ({ event: 'repair', id, details: { generation: generation.number, tree, quarantine, interrupted: true } }))
  await state.commit({ generation, activation: { at: clock(), by, reason: 'recover' }, installs, removed: [], holds, audit, token }, clock())
  return true
}

function isRepair(details: unknown): details is RepairIntent {
  const { id, tree, quarantine } = (details ?? {}) as Record<string, unknown>
  return [id, tree, quarantine].every((value) => typeof value === 'string')
}

function clearUp(paths: StorePaths, store: StoreSnapshot): void {
  trying(`clear up in ${paths.root}`, () => {
    const newest = Math.max(0, ...store.generations.map((g) => g.number))
    const unrecorded = generationNumbers(paths).filter((n) => n > newest && n !== currentGeneration(paths))
    for (const number of unrecorded) removeWhole(paths.generation(number))
    for (const folder of [paths.trees, paths.generations]) removeBegun(folder)
    removeWhole(paths.tmp)
  })
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
