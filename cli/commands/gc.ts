import { collect, planCollection, KEPT_GENERATIONS } from '../../reconciler/state/gc.ts'
import { counted } from '../../reconciler/plan/amounts.ts'
import type { Command } from '../command.ts'

/** `catalyst gc [--dry-run] [--keep N]`: frees what no kept generation, record or running host uses. Holds the lease meanwhile. */
export const gcCommand: Command<{ readonly dryRun?: boolean; readonly keep?: number }> = async ({ house }, { dryRun, keep }) => {
  const { desired } = await house.files.readDesired()
  return house.withLease(desired, async (state) => {
    const collection = planCollection(house.paths, await state.read(), { now: house.now(), keep: keep ?? KEPT_GENERATIONS })
    if (!dryRun) collect(house.paths, collection)
    const what = `${counted(collection.trees.length, 'unpacked package')}, ${counted(collection.generations.length, 'generation')}, ${counted(collection.leftovers.length, 'leftover')} (${(collection.bytes / 1e6).toFixed(1)} MB)`
    return { exit: 0, text: `${dryRun ? 'Would free' : 'Freed'} ${what}.`, result: { ...collection, freed: !dryRun } }
  })
}
