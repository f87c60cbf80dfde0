import { rollback } from '../../../reconciler/apply/rollback.ts'
import type { Dialect } from '../../../reconciler/data-ports.ts'
import { DEFAULT_UNINSTALL } from '../../../schemas/common.ts'
import type { CrashJob } from './crash-runner.ts'
import { asKind, textsOf, versionsOf } from './data-catalogue.ts'
import { EPOCH, type DataWorld } from './data-world.ts'
import { releaseBlock, type Catalogue, type Want, type Wish } from './world.ts'

/* Jobs to be killed in the middle of: few, and together they take every step that there is. */

export interface Scenario {
  /** What the store goes through before. Gives the job. */
  prepare(world: DataWorld): Promise<Pick<CrashJob, 'wish' | 'rollback' | 'approvals' | 'restore'>>
  /** What plugins.yaml says after it, whatever became of it: an ordinary pass follows a crash. */
  readonly wish: Wish
  /** Plugins that are off for a while. */
  readonly off: readonly string[]
  /** Plugins whose change fails, and holds up nobody. */
  readonly fails?: readonly string[]
  /** Of when the job begins, in seconds after the store was made. */
  readonly after: number
}

export const PLUGINS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const
/** Killed at random times only: it goes through the boundaries of others once more. */
export const ALL_AT_ONCE = 'everything in one plan'
const DAY = 86_400
const KEEP: Want['uninstall'] = { data: 'keep', tables: 'keep' }
const REMOVE: Want['uninstall'] = { config: 'remove', data: 'remove', tables: 'remove', code: 'remove', grace: '7d' }

export function crashCatalogue(dialect: Dialect): Catalogue {
  const { init, note, rename, tidy, gift } = textsOf(dialect, 'a')
  const { init: first, worse } = textsOf(dialect, 'c')
  const all = ['a', 'b', 'c', 'e', 'f', 'g'].map((id) => versionsOf(dialect, id))
  return Object.assign({}, ...all, { 'a@2.2.0': { migrations: [init, note, rename, tidy, gift] }, 'c@1.9.0': { migrations: [first, asKind(worse, 'expand')] } })
}

export const startOf = (scenario: Scenario): number => EPOCH + (3600 + scenario.after) * 1000

const one = (version: string, uninstall: Want['uninstall'] = KEEP): Want => ({ version, uninstall })

/** The jobs, by name. A database on a server takes its time: fewer plugins there, and every kind of step all the same. */
export function scenarios(dialect: Dialect): Readonly<Record<string, Scenario>> {
  const isSmall = dialect === 'postgres'
  const dark: Want = { ...one('1.0.0'), config: { theme: 'dark' } }
  const b = one(isSmall ? '1.0.0' : '1.1.0')
  const leaving: Wish = { f: one('1.0.0', REMOVE), ...(isSmall ? {} : { e: one('1.0.0'), g: one('1.0.0', { data: 'remove', tables: 'ask', grace: '0d' }) }) }
  const toOne = releaseBlock('a', '1.0.0', { ...crashCatalogue(dialect)['a@1.0.0'], block: { uninstall: { ...DEFAULT_UNINSTALL, ...KEEP } } }).entryDigest
  return {
    'expand, break and contract, configure': applying({ before: [{ a: one('1.0.0'), d: one('1.0.0') }], files: ['a'], wish: { a: one('2.1.0'), d: dark }, off: ['a'] }),
    'install beside one that fails': applying({ before: [{ c: one('1.0.0') }], files: ['c'], wish: { b, c: one('1.9.0') }, fails: ['c'] }),
    'removals with every policy': applying({ before: [{ d: one('1.0.0'), ...leaving }], files: Object.keys(leaving), wish: { d: one('1.0.0') } }),
    [ALL_AT_ONCE]: applying({ before: [{ a: one('1.0.0'), c: one('1.0.0'), d: one('1.0.0'), ...leaving }], files: ['a', ...Object.keys(leaving)], wish: { a: one('2.1.0'), b, c: one('1.9.0'), d: dark }, off: ['a'], fails: ['c'] }),
    'the end of a grace': applying({ before: [{ f: one('1.0.0', REMOVE) }, {}], files: ['f'], wish: {}, after: 8 * DAY }),
    'back out of quarantine': applying({ before: [{ f: one('1.0.0', REMOVE) }, {}], files: ['f'], wish: { f: one('2.0.0', REMOVE) }, after: DAY }),
    'rollback by downs': {
      async prepare(world) {
        for (const version of ['1.0.0', '2.2.0']) await world.apply({ a: one(version), d: one(version) })
        world.put('a', 'card.txt', 'of a')
        // What a way back throws away must be there again when nobody goes that way in the end.
        await world.sql(`UPDATE ${world.table('a', 'items')} SET gift = 'ribbon' WHERE id = 1`)
        return { rollback: { id: 'a' } }
      },
      wish: { a: one('2.2.0'), d: one('2.2.0') },
      off: ['a'],
      after: 0,
    },
    'rollback by a backup': {
      async prepare(world) {
        await world.apply({ a: one('1.0.0') })
        world.put('a', 'card.txt', 'of a')
        await world.apply({ a: one('3.0.0') })
        world.put('a', 'card.txt', 'newer')
        return { rollback: { id: 'a' }, approvals: [{ plugin: 'a', to: toOne, accept: ['restore'] }] }
      },
      wish: { a: one('3.0.0') },
      off: ['a'],
      after: 0,
    },
    restore: {
      async prepare(world) {
        await world.apply({ a: one('1.0.0') })
        world.put('a', 'card.txt', 'of a')
        await world.apply({ a: one('2.0.0') })
        const [backup] = await world.data.backups.list('a')
        await rollback({ id: 'a' }, world.rollbackDeps)
        await world.sql(`DELETE FROM ${world.table('a', 'items')} WHERE id > 1`)
        world.put('a', 'card.txt', 'newer')
        return { restore: backup?.name ?? '' }
      },
      wish: { a: one('1.0.0') },
      off: ['a'],
      after: 0,
    },
  }
}

/** A job that applies a wish, in a store that applied others before; these plugins have a file each in their data folders. */
function applying({ before, files, wish, off = [], fails = [], after = 0 }: { readonly before: readonly Wish[]; readonly files: readonly string[]; readonly wish: Wish; readonly off?: readonly string[]; readonly fails?: readonly string[]; readonly after?: number }): Scenario {
  const [first = {}, ...later] = before
  return {
    async prepare(world) {
      await world.apply(first)
      for (const id of files) world.put(id, 'card.txt', `of ${id}`)
      for (const next of later) await world.apply(next)
      return { wish }
    },
    wish,
    off,
    fails,
    after,
  }
}
