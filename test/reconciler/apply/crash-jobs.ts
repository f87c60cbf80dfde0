import { rollback } from '../../../reconciler/apply/rollback.ts'
import type { Dialect } from '../../../reconciler/data-ports.ts'
import { DEFAULT_UNINSTALL } from '../../../schemas/common.ts'
import type { CrashJob } from './crash-runner.ts'
import { versionsOf } from './data-catalogue.ts'
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
  /** Of when the job begins, in seconds after the store was made. */
  readonly after: number
}

export const PLUGINS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const
const DAY = 86_400
const KEEP: Want['uninstall'] = { data: 'keep', tables: 'keep' }
const REMOVE: Want['uninstall'] = { config: 'remove', data: 'remove', tables: 'remove', code: 'remove', grace: '7d' }

export const crashCatalogue = (dialect: Dialect): Catalogue => Object.assign({}, ...['a', 'b', 'c', 'e', 'f', 'g'].map((id) => versionsOf(dialect, id)))

export const startOf = (scenario: Scenario): number => EPOCH + (3600 + scenario.after) * 1000

const one = (version: string, uninstall: Want['uninstall'] = KEEP): Want => ({ version, uninstall })

export function scenarios(dialect: Dialect): Readonly<Record<string, Scenario>> {
  const settled: Wish = { a: one('1.0.0'), c: one('1.0.0'), d: one('1.0.0') }
  const target: Wish = { a: one('2.1.0'), b: one('2.0.0'), c: one('1.1.0'), d: { ...one('1.0.0'), config: { theme: 'dark' } } }
  const toOne = releaseBlock('a', '1.0.0', { ...crashCatalogue(dialect)['a@1.0.0'], block: { uninstall: { ...DEFAULT_UNINSTALL, ...KEEP } } }).entryDigest
  return {
    'install, expand, break and contract, configure, removals with every policy, in one plan': {
      async prepare(world) {
        await world.apply({ ...settled, e: one('1.0.0'), f: one('1.0.0', REMOVE), g: one('1.0.0', { data: 'remove', tables: 'ask', grace: '0d' }) })
        for (const id of ['a', 'e', 'f', 'g']) world.put(id, 'card.txt', `of ${id}`)
        return { wish: target }
      },
      wish: target,
      off: ['a'],
      after: 0,
    },
    'the end of a grace': {
      async prepare(world) {
        await world.apply({ f: one('1.0.0', REMOVE) })
        world.put('f', 'card.txt', 'of f')
        await world.apply({})
        return { wish: {} }
      },
      wish: {},
      off: [],
      after: 8 * DAY,
    },
    'back out of quarantine': {
      async prepare(world) {
        await world.apply({ f: one('1.0.0', REMOVE) })
        world.put('f', 'card.txt', 'of f')
        await world.apply({})
        return { wish: { f: one('2.0.0', REMOVE) } }
      },
      wish: { f: one('2.0.0', REMOVE) },
      off: [],
      after: DAY,
    },
    'rollback by downs': {
      async prepare(world) {
        for (const version of ['1.0.0', '2.1.0']) await world.apply({ a: one(version), d: one(version) })
        world.put('a', 'card.txt', 'of a')
        return { rollback: { id: 'a' } }
      },
      wish: { a: one('2.1.0'), d: one('2.1.0') },
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
