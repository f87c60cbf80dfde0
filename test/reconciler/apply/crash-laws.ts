import { existsSync, readdirSync } from 'node:fs'
import { expect } from 'vitest'
import { migrationHead } from '../../../schemas/migrations.ts'
import { liveTrees } from '../../../reconciler/state/generations.ts'
import { PLUGINS, type Scenario } from './crash-jobs.ts'
import { classes, installed, live } from './data-store.ts'
import { dataDirOf, type DataWorld } from './data-world.ts'

/* What must hold in a store whose pass was killed, by the laws of ARCHITECTURE.md, right after the kill and after the next pass. */

/** Everything of a store that a job may change, so that two stores can be compared. */
export interface Fingerprint {
  readonly live: Readonly<Record<string, string>>
  readonly installed: Readonly<Record<string, string>>
  readonly removed: Readonly<Record<string, unknown>>
  readonly held: readonly string[]
  readonly migrations: readonly string[]
  readonly tables: Readonly<Record<string, unknown>>
  readonly files: Readonly<Record<string, string>>
}

/** One scenario: how it begins, and how it ends in peace. */
export interface Expected {
  readonly scenario: Scenario
  readonly before: Fingerprint
  readonly after: Fingerprint
  readonly rowsBefore: ReadonlyMap<string, number>
}

/** Where a plugin was caught. */
export type Caught = 'old' | 'new' | 'off'

export async function fingerprint(world: DataWorld): Promise<Fingerprint> {
  const { retained, holds } = await world.state.read()
  const inventories = await world.data.tables.inventory(PLUGINS, 'exact')
  const tables: [string, unknown][] = []
  for (const [id, { tables: owned, quarantined }] of inventories) if (owned.length > 0) tables.push([id, { quarantined, rows: owned.map((t) => t.rows), digest: quarantined ? '' : await world.data.tables.digest(id) }])
  return {
    live: live(world),
    installed: await installed(world),
    removed: Object.fromEntries(await Promise.all(retained.map(async (r) => [r.id, { version: r.block.version, code: r.removal?.code, ...(await classes(world, r.id)) }] as const))),
    held: holds.map((h) => `${h.id} ${h.fromVersion}`),
    migrations: (await world.data.tables.applied()).map((m) => `${m.plugin} ${m.id}`).toSorted(),
    tables: Object.fromEntries(tables),
    files: world.files(),
  }
}

/** Right after the kill, before anybody looks after it. Gives where each plugin that changes was caught. */
export async function soundWhenKilled(expected: Expected, world: DataWorld): Promise<ReadonlyMap<string, Caught>> {
  const caught = wholeGroups(expected, world)
  await provenCode(world)
  await fittingTables(world)
  await nothingUnasked(expected, world)
  await nothingLost(expected, world)
  return caught
}

/** After the next pass: nothing is left to do, nor of what was begun. */
export async function atRest({ scenario, ...expected }: Expected, world: DataWorld): Promise<void> {
  expect((await world.plan(scenario.wish)).changes).toEqual([])
  expect([existsSync(world.paths.journal), await world.state.lease(world.deps.clock())]).toEqual([false, undefined])
  expect(readdirSync(dataDirOf(world.place)).filter((n) => n.startsWith('.restoring') || n.startsWith('.staging'))).toEqual([])
  await nothingLost({ scenario, ...expected }, world)
}

/** Law 2: what a host would load at this moment. A plugin is what it was or what it will be, or off where it may be; the others are as ever. */
function wholeGroups({ before, after, scenario }: Expected, world: DataWorld): ReadonlyMap<string, Caught> {
  const now = live(world)
  const changing = PLUGINS.filter((id) => before.live[id] !== after.live[id] || scenario.off.includes(id))
  for (const id of PLUGINS) if (!changing.includes(id)) expect([id, now[id]]).toEqual([id, before.live[id]])
  return new Map(
    changing.map((id) => {
      const state = now[id] === before.live[id] ? 'old' : now[id] === after.live[id] ? 'new' : now[id] === undefined && scenario.off.includes(id) ? 'off' : `torn: ${now[id]}`
      expect([id, state]).toEqual([id, expect.stringMatching(/^(old|new|off)$/)])
      return [id, state as Caught]
    }),
  )
}

/** Law 3: what is live is whole, byte by byte. */
async function provenCode({ paths, deps }: DataWorld): Promise<void> {
  for (const [id, tree] of liveTrees(paths) ?? []) expect([id, await deps.packages.damage(paths.tree(tree), tree)]).toEqual([id, []])
}

/** Law 3: live code finds the tables that it was made for. What only expands may have run before it, what only contracts may run after it. */
async function fittingTables(world: DataWorld): Promise<void> {
  const applied = await world.data.tables.applied()
  for (const [id, version] of Object.entries(live(world))) {
    const brings = (world.catalogue[`${id}@${version}`]?.migrations ?? []).map((m) => ({ id: m.id, kind: migrationHead(m.up).kind }))
    const ran = applied.filter((m) => m.plugin === id)
    const missing = brings.filter((m) => m.kind !== 'contract' && !ran.some((r) => r.id === m.id))
    const foreign = ran.filter((r) => r.kind !== 'expand' && !brings.some((m) => m.id === r.id))
    expect([id, missing, foreign]).toEqual([id, [], []])
  }
}

/** Law 4: whatever the killed pass left half done, nothing that is wanted is taken for gone. */
async function nothingUnasked({ scenario }: Expected, world: DataWorld): Promise<void> {
  const { changes } = await world.plan(scenario.wish)
  const wrong = changes.filter((c) => Object.hasOwn(scenario.wish, c.id) && !['install', 'upgrade', 'configure', 'repair', 'reattach'].includes(c.action))
  expect(wrong.map((c) => `${c.action} ${c.id}`)).toEqual([])
}

export async function rowsOf(world: DataWorld): Promise<ReadonlyMap<string, number>> {
  const inventories = await world.data.tables.inventory(PLUGINS, 'exact')
  return new Map([...inventories].map(([id, { tables }]) => [id, tables.reduce((sum, t) => sum + t.rows, 0)]))
}

/** Law 5: every row that there was is in a table, wherever that lies, or in a backup that can be read; every file, too. */
async function nothingLost({ rowsBefore, before }: Expected, world: DataWorld): Promise<void> {
  const now = await rowsOf(world)
  for (const [id, rows] of rowsBefore) {
    if ((now.get(id) ?? 0) >= rows) continue
    const whole = await Promise.all((await world.data.backups.list(id)).map((ref) => world.data.backups.verify(ref.name)))
    expect([id, whole.some((ref) => ref.rows >= rows)]).toEqual([id, true])
  }
  const texts = new Set(Object.values(world.files()))
  for (const [path, text] of Object.entries(before.files)) {
    const id = path.replace('.quarantine/', '').split('/')[0] ?? ''
    const whole = await Promise.all(texts.has(text) ? [] : (await world.data.backups.list(id)).map((ref) => world.data.backups.verify(ref.name)))
    if (!texts.has(text)) expect([path, whole.length > 0]).toEqual([path, true])
  }
}
