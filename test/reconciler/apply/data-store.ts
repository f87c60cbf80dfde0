import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { ApplyDeps, ApplyResult } from '../../../reconciler/apply/apply.ts'
import type { Dialect, PluginData } from '../../../reconciler/data-ports.ts'
import { brokenLink } from '../../../reconciler/store-db/audit.ts'
import { liveTrees } from '../../../reconciler/state/generations.ts'
import { newPlace } from './data-places.ts'
import { dataWorld, type DataWorld, type DataWorldOptions, type Row } from './data-world.ts'
import type { Catalogue, Said, Wish } from './world.ts'

/* A store on a real database for one test, and what tests ask of it. */

/** A fresh store; goes after the test. */
export async function storeOn(dialect: Dialect, catalogue: Catalogue, options: Omit<DataWorldOptions, 'catalogue'> = {}): Promise<DataWorld> {
  const place = await newPlace(dialect)
  const world = await dataWorld(place, { catalogue, ...options })
  onTestFinished(async () => {
    await world.close()
    await place.remove()
  })
  return world
}

/** The versions that are live on this machine. */
export function live({ paths }: Pick<DataWorld, 'paths'>): Record<string, string> {
  const versions = [...(liveTrees(paths) ?? [])].map(([id]) => [id, (JSON.parse(readFileSync(join(paths.current, id, 'manifest.json'), 'utf8')) as { version: string }).version] as const)
  return Object.fromEntries(versions.sort())
}

/** What is recorded as installed: the version, and `off` where it is switched off. */
export async function installed({ state }: Pick<DataWorld, 'state'>): Promise<Record<string, string>> {
  return Object.fromEntries((await state.read()).installs.map((r) => [r.id, r.enabled ? r.block.version : `${r.block.version} off`]))
}

/** Migrations that have run, by their number: `1 2 3`. */
export async function ran({ data }: DataWorld, plugin: string): Promise<string> {
  return (await data.tables.applied(plugin)).map((m) => String(Number(m.id.slice(0, 4)))).join(' ')
}

/** The rows of `items`. */
export function items(world: DataWorld, plugin: string): Promise<readonly Row[]> {
  return world.sql(`SELECT * FROM ${world.table(plugin, 'items')} ORDER BY id`)
}

/** What became of each change: `applied`, `skipped because`, or the code of its failure. */
export function outcomes({ outcomes: all }: ApplyResult): Record<string, string> {
  return Object.fromEntries(all.map((o) => [o.id, o.error?.code ?? (o.because === undefined ? o.outcome : `${o.outcome} because ${o.because}`)]))
}

/** Events of the audit, `event id`, whose chain must hold. */
export async function events({ state }: Pick<DataWorld, 'state'>, since = 0): Promise<readonly string[]> {
  const audit = await state.audit({ limit: 1000 })
  expect(brokenLink(audit)).toBeUndefined()
  return audit.slice(since).map((r) => `${r.event} ${r.id}`)
}

/** The state of each class of a removed plugin. */
export async function classes({ state }: Pick<DataWorld, 'state'>, id: string): Promise<Record<string, string> | undefined> {
  const removal = (await state.read()).retained.find((r) => r.id === id)?.removal
  return removal && Object.fromEntries(Object.entries(removal.classes).map(([key, { state }]) => [key, state]))
}

/** Applies, and holds the first law: of what was applied nothing is left to plan. */
export async function applied(world: DataWorld, wish: Wish, { said, ...odd }: Partial<ApplyDeps> & { readonly said?: Said } = {}): Promise<ApplyResult> {
  const result = await world.apply(wish, odd, said)
  expect(result.outcomes.filter((o) => o.outcome !== 'applied').map((o) => o.error ?? o)).toEqual([])
  expect((await world.plan(wish, { ...said, answers: undefined })).changes).toEqual([])
  return result
}

/** The same data with some of its ports replaced. */
export function withTables(data: PluginData, tables: Partial<PluginData['tables']>): PluginData {
  return { ...data, tables: override(data.tables, tables) }
}

export function withBackups(data: PluginData, backups: Partial<PluginData['backups']>): PluginData {
  return { ...data, backups: override(data.backups, backups) }
}

/** Classes keep their methods on the prototype. */
function override<T extends object>(base: T, odd: Partial<T>): T {
  return new Proxy(base, {
    get(target, key) {
      const value: unknown = Reflect.get(key in odd ? odd : target, key)
      return typeof value === 'function' ? value.bind(key in odd ? odd : target) : value
    },
  })
}
