import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Approval, PluginEntry, PluginSet } from '../../schemas/plugin-set.ts'
import type { Digest } from '../../schemas/digest.ts'
import { ACCOUNTS, fill, inDatabase, names, POINTS, releasePoints } from './points.ts'
import { Shop } from './shop.ts'

/*
 * The life of a plugin with tables as its operator sees it: the real command, the real database, rows that somebody wrote.
 * Whatever is asked, decided, undone or refused, the rows are where the answer says.
 */

const NAMES = ['Ada', 'Bob', 'Cem']
const FEED: Record<string, PluginEntry> = { feed: { version: '^1.0.0' } }
const BOTH: Record<string, PluginEntry> = { ...FEED, [POINTS]: { version: '^1.0.0' } }
const day = (n: number): string => new Date(Date.parse('2026-11-22T20:00:00Z') + n * 86_400_000).toISOString()

let shop: Shop
async function open(): Promise<void> {
  shop = await Shop.open()
  shop.now = day(0)
  await shop.release('feed', '1.0.0')
  await releasePoints(shop, '1.0.0')
}
function eachItsOwnShop(): void {
  beforeEach(open)
  afterEach(() => shop.close())
}

/** Installed, with three rows and a file. */
async function install(policy: PluginEntry['uninstall'] = {}): Promise<void> {
  shop.want({ ...FEED, [POINTS]: { version: '^1.0.0', uninstall: policy } })
  await shop.settle()
  fill(shop)
}

/** The entry leaves plugins.yaml and the lock; nothing is applied yet. */
async function takeOut(odd: Partial<PluginSet> = {}, keep = FEED): Promise<void> {
  shop.want(keep, odd)
  expect((await shop.json('lock')).exit).toBe(0)
}

async function comeBack(): Promise<void> {
  shop.want(BOTH)
  await shop.settle()
}

const removed = (decision: NonNullable<PluginSet['removed']>[string], version = '1.0.0'): Partial<PluginSet> => ({ removed: { [`${POINTS}@${version}`]: decision } })
const file = (): boolean => existsSync(join(shop.dir, 'plugin-data', POINTS, 'export.csv'))

/** What `status` lists of the removed plugin. */
async function left(): Promise<{ readonly classes: Record<string, { readonly state: string; readonly purgeAt?: string }>; readonly backup: string | null; readonly tables: readonly { readonly rows: number }[] | null }> {
  const { result } = await shop.json('status')
  return result.retained.find((r: { id: string }) => r.id === POINTS)
}

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries((await left()).classes).map(([key, { state }]) => [key, state]))
}

/** Everything that a refused command could have changed. */
async function everything(): Promise<unknown> {
  const { result } = await shop.json('status')
  return { result, names: names(shop), file: file(), backups: (await shop.json('backups')).result, audit: (await shop.json('audit')).result }
}

describe('upgrade and rollback with tables', () => {
  eachItsOwnShop()
  test('rows stay through an upgrade that adds, and one that breaks waits for consent, is backed up, and is undone by its down', async () => {
    await install()
    await releasePoints(shop, '1.1.0')
    await shop.json('update')
    expect((await shop.json('apply')).result.outcomes).toMatchObject([{ id: POINTS, to: '1.1.0', data: { migrations: ['0002_tier'], backup: null } }])
    expect(inDatabase(shop, `SELECT name, tier FROM ${ACCOUNTS}`)).toContainEqual({ name: 'Ada', tier: 'basic' })

    await releasePoints(shop, '1.2.0')
    await shop.json('update')
    const waits = await shop.json('apply')
    expect(waits).toMatchObject({ exit: 3, result: { outcomes: [], blocked: [{ id: POINTS, code: 'APPROVAL_MISSING' }] } })
    expect(names(shop)).toEqual(NAMES)

    const approvals: Approval[] = [{ plugin: POINTS, to: digestIn(waits.result.blocked[0].hint), accept: ['breaking'] }]
    shop.want(BOTH, { approvals })
    const applied = await shop.json('apply')
    expect(applied.result.outcomes).toMatchObject([{ id: POINTS, outcome: 'applied', to: '1.2.0', data: { migrations: ['0003_rename'], backup: expect.stringMatching(/^points-/) } }])
    expect(names(shop, ACCOUNTS, 'customer')).toEqual(NAMES)

    expect((await shop.json('rollback')).result.changes).toMatchObject([{ id: POINTS, from: '1.2.0', to: '1.1.0' }])
    expect((await shop.json('status')).result.plugins).toContainEqual(expect.objectContaining({ id: POINTS, enabled: true }))
    expect(names(shop)).toEqual(NAMES)
    await shop.json(`rollback ${POINTS} --lift`)
    expect((await shop.json('apply')).exit).toBe(0)

    const back = await shop.json(`rollback ${POINTS}`)
    expect(back.result.changes).toMatchObject([{ id: POINTS, from: '1.2.0', to: '1.1.0', data: 'undid 0003_rename by its down', dataKind: 'down', backup: expect.stringMatching(/^points-/) }])
    expect(names(shop)).toEqual(NAMES)
    expect((await shop.json('plan')).result.notices).toMatchObject([{ id: POINTS, code: 'Held' }])
  })

  test('people read what ran, what was backed up, and what was undone', async () => {
    await install()
    await releasePoints(shop, '1.1.0')
    await shop.run('update')
    expect((await shop.run('apply')).out).toMatch(/✓ points 1\.0\.0 -> 1\.1\.0 {2}upgraded\n {4}ran {10}0002_tier\n/)
    expect((await shop.run(`rollback ${POINTS} --dry-run`)).out).toMatch(/^points 1\.1\.0 -> 1\.0\.0\n~ points {2}code only: what has run since only added to its tables; 1\.0\.0 runs with that\n\nNothing was changed\.\n$/)
    expect(await shop.installed()).toMatchObject({ [POINTS]: '1.1.0' })
    expect((await shop.run(`rollback ${POINTS}`)).out).toMatch(/~ points 1\.1\.0 -> 1\.0\.0 {2}code only/)
  })
})

describe('removal by the default policy: code and config stay, data and tables are asked about', () => {
  eachItsOwnShop()
  beforeEach(async () => {
    await install()
    await takeOut()
  })

  test('nobody at the terminal: it goes, waits, holds up nobody, and nothing is lost', async () => {
    const { exit, result } = await shop.json('apply')
    expect(exit).toBe(0)
    expect(result.outcomes).toMatchObject([{ id: POINTS, outcome: 'applied', data: { kept: ['config'], awaiting: ['data', 'tables'], purged: [], backup: expect.stringMatching(/^points-/) } }])
    expect(names(shop)).toEqual(NAMES)
    expect(file()).toBe(true)
    expect(await left()).toMatchObject({ backup: result.outcomes[0].data.backup, tables: [{ rows: 3 }] })
    const plan = await shop.run('plan')
    expect(plan.out).toContain(`${POINTS}@1.0.0: { data: keep, tables: keep }`)
    expect(plan.exit).toBe(0)
  })

  test('the text tells what stays, what waits, how to answer, and the name of the backup', async () => {
    const { out } = await shop.run('apply')
    expect(out).toMatch(/✓ points 1\.0\.0 {2}removed\n {4}keeps {8}code, config\n {4}asks {9}data \(1 file, 7 bytes\), tables \(1: 3 rows, [\d.]+ kB\): kept until somebody answers\n {4}to answer {4}catalyst apply --answer points:data=keep --answer points:tables=keep {3}# or =remove\n {4}backup {7}points-\S+, read back\n/)
    expect((await shop.run('status')).out).toMatch(/· points +1\.0\.0 +removed 2026-11-22 20:00 UTC by tester; keeps code, config; asks data .*tables/)
  })

  test('answered by flag, together with the removal, and recorded with who and what', async () => {
    expect((await shop.json('apply --answer points:data=keep --answer points:tables=keep')).exit).toBe(0)
    expect(await states()).toEqual({ config: 'retained', data: 'retained', tables: 'retained' })
    expect((await shop.json('plan')).result.notices).toEqual([])
    expect((await shop.run('audit')).out).toMatch(/data\.answer +points {2}tables: keep {2}by tester/)
  })

  test('answered by flag later: what is asked is settled, the rest waits on', async () => {
    await shop.json('apply')
    shop.now = day(1)
    expect((await shop.json('apply --answer points:tables=remove')).exit).toBe(0)
    expect(await left()).toMatchObject({ classes: { data: { state: 'awaiting' }, tables: { state: 'quarantined', purgeAt: day(8) } } })
    expect((await shop.json('apply --answer points:tables=keep')).exit).toBe(0)
    expect(await states()).toEqual({ config: 'retained', data: 'awaiting', tables: 'retained' })
    expect(names(shop)).toEqual(NAMES)
  })

  test('answered by a tombstone in git', async () => {
    await shop.json('apply')
    await takeOut(removed({ data: 'keep', tables: 'remove', grace: '1d' }))
    shop.now = day(1)
    await shop.json('apply')
    expect(await left()).toMatchObject({ classes: { data: { state: 'retained' }, tables: { state: 'quarantined', purgeAt: day(2) } } })
  })

  test('answered at a terminal: each question names what there is; later leaves it, another word is asked again', async () => {
    shop.typed = ['hm', 'later', 'remove']
    await shop.run('apply')
    expect(shop.asked).toHaveLength(3)
    expect(shop.asked[0]).toMatch(/^points 1\.0\.0 leaves 1 data file, 7 bytes\. Keep, remove \(set aside for 7d, then gone; backed up first\), or decide later\? \[keep\/remove\/later\] $/)
    expect(shop.asked[2]).toMatch(/leaves 1 table with 3 rows/)
    expect(await states()).toEqual({ config: 'retained', data: 'awaiting', tables: 'quarantined' })
    shop.typed = ['keep']
    await shop.run('apply')
    expect(await states()).toMatchObject({ data: 'retained', tables: 'quarantined' })
    expect((await shop.run('apply')).out).toContain('No changes')
    expect(shop.asked).toHaveLength(4)
  })

  test('machines and reviewed plans are not asked', async () => {
    shop.typed = ['remove', 'remove']
    const { result } = await shop.json('plan')
    await shop.run(`apply --expect ${result.planDigest}`)
    expect((await shop.json('apply')).exit).toBe(0)
    expect(shop.asked).toEqual([])
    expect(await states()).toMatchObject({ data: 'awaiting', tables: 'awaiting' })
  })

  test('--expect takes the digest of the plan with the answers', async () => {
    const plain = (await shop.json('plan')).result.planDigest
    const answered = (await shop.json('plan --answer points:tables=remove')).result.planDigest
    expect(answered).not.toBe(plain)
    const before = await everything()
    expect((await shop.json(`apply --answer points:tables=remove --expect ${plain}`)).problems).toMatchObject([{ code: 'PLAN_CHANGED' }])
    expect(await everything()).toEqual(before)
    expect((await shop.json(`apply --answer points:tables=remove --expect ${answered}`)).exit).toBe(0)
    expect(await states()).toMatchObject({ data: 'awaiting', tables: 'quarantined' })
  })

  test('kept, added again: the rows are there still, and the same migration is not run twice', async () => {
    await shop.json('apply --answer points:data=keep --answer points:tables=keep')
    await comeBack()
    expect(names(shop)).toEqual(NAMES)
    expect(file()).toBe(true)
    expect(await shop.installed()).toMatchObject({ [POINTS]: '1.0.0' })
  })
})

describe('removal that destroys', () => {
  eachItsOwnShop()
  const gone = { data: 'remove', tables: 'remove', grace: '2d' } as const

  test('set aside, until its grace ends; then destroyed after its backup was read once more; the backup brings it back', async () => {
    await install(gone)
    await takeOut()
    const { result } = await shop.json('apply')
    const { backup } = result.outcomes[0].data
    expect(result.outcomes[0].data).toMatchObject({ awaiting: [], quarantined: [{ class: 'data', purgeAt: day(2) }, { class: 'tables', purgeAt: day(2) }], purged: [] })
    expect(file()).toBe(false)
    expect(JSON.parse(shop.read('.catalyst/stamp'))).toMatchObject({ validUntil: day(2) })

    shop.now = day(1.9)
    expect((await shop.json('plan')).result).toMatchObject({ changes: [], validUntil: day(2) })
    shop.now = day(2.1)
    expect((await shop.json('plan')).result.changes).toMatchObject([{ id: POINTS, action: 'purge' }])
    expect((await shop.json('apply')).result.outcomes).toMatchObject([{ data: { purged: [{ class: 'data' }, { class: 'tables' }], backup } }])
    expect(names(shop)).toBeUndefined()
    expect((await shop.run('status')).out).toMatch(/destroyed data, tables 2026-11-24 22:24 UTC by tester/)

    expect((await shop.json('backups --verify')).exit).toBe(0)
    expect((await shop.json(`restore ${backup} --yes`)).exit).toBe(0)
    expect(names(shop)).toEqual(NAMES)
    expect(file()).toBe(true)
    await comeBack()
    expect(names(shop)).toEqual(NAMES)
  })

  test('added again before its grace ends: nothing was lost', async () => {
    await install(gone)
    await takeOut()
    await shop.json('apply')
    shop.now = day(1)
    await comeBack()
    expect(names(shop)).toEqual(NAMES)
    expect(file()).toBe(true)
    shop.now = day(9)
    expect((await shop.json('plan')).result.changes).toEqual([])
  })

  test('a rollback brings it back, out of quarantine too, and holds the removal', async () => {
    await install(gone)
    await takeOut()
    await shop.json('apply')
    expect((await shop.run('rollback')).out).toMatch(/\+ points 1\.0\.0 {2}back; data, tables out of quarantine\n\nGeneration \d is live\.\nWhat was left is held: `catalyst plan` shows the lines for git/)
    expect(names(shop)).toEqual(NAMES)
    expect(file()).toBe(true)
    expect(await shop.installed()).toHaveProperty(POINTS)
    shop.now = day(9)
    expect((await shop.json('apply')).result).toMatchObject({ outcomes: [], notices: [{ id: POINTS, code: 'Held' }] })
    expect(names(shop)).toEqual(NAMES)
  })

  test('a damaged backup destroys nothing: another one is written first', async () => {
    await install(gone)
    await takeOut()
    const { backup } = (await shop.json('apply')).result.outcomes[0].data
    damage(backup)
    expect((await shop.json('backups --verify')).problems).toMatchObject([{ code: 'BACKUP_DAMAGED' }])
    shop.now = day(3)
    const { result } = await shop.json('apply')
    expect(result.outcomes[0].data.backup).not.toBe(backup)
    expect((await shop.json(`restore ${result.outcomes[0].data.backup} --yes`)).exit).toBe(0)
    expect(names(shop)).toEqual(NAMES)
  })

  test('purge ID shows what goes, needs consent, answers what is asked and ends the grace', async () => {
    await install({ grace: '30d' })
    await takeOut()
    await shop.json('apply')
    const before = await everything()
    expect(await shop.json(`purge ${POINTS}`)).toMatchObject({ exit: 1, problems: [{ code: 'USAGE', hint: expect.stringContaining('--yes') }] })
    expect(await everything()).toEqual(before)
    shop.typed = ['n']
    expect((await shop.run(`purge ${POINTS}`)).err).toMatch(/destroys +data, tables now[\s\S]*not confirmed/)
    expect(await everything()).toEqual(before)
    shop.typed = ['y']
    expect((await shop.run(`purge ${POINTS}`)).out).toMatch(/✓ points 1\.0\.0 {2}purged\n {4}keeps +code, config\n {4}destroyed +data, tables .*\n {4}backup +points-/)
    expect(names(shop)).toBeUndefined()
    expect(await states()).toEqual({ config: 'retained', data: 'purged', tables: 'purged' })
  })
})

describe('backups by hand', () => {
  eachItsOwnShop()
  test('made, listed, read, pruned but for those that a removal promised', async () => {
    await install()
    for (const n of [0, 1, 2]) {
      shop.now = day(n)
      expect((await shop.json(`backups ${POINTS} --make`)).result.backups).toMatchObject([{ plugin: POINTS, rows: 3 }])
    }
    shop.now = day(3)
    await takeOut()
    const promised = (await shop.json('apply')).result.outcomes[0].data.backup
    expect((await shop.json('backups --verify')).result.backups).toHaveLength(4)
    expect((await shop.run('backups --verify')).out).toContain('4 backups, all read and whole')
    shop.now = day(60)
    const { result } = await shop.json('backups --prune --keep 0 --keep-days 0')
    expect(result.removed).toHaveLength(3)
    expect((await shop.json('backups')).result.backups).toMatchObject([{ name: promised }])
    expect((await shop.json(`purge ${POINTS} --yes`)).exit).toBe(0)
    expect((await shop.json('backups --prune')).result.removed).toEqual([])
    shop.now = day(120)
    expect((await shop.json('backups --prune --keep 0 --keep-days 30')).exit).toBe(0)
    expect((await shop.json('backups')).result.backups).toEqual([])
  })

  test('a restore takes back what was written since, after a backup of that', async () => {
    await install()
    const [made] = (await shop.json(`backups ${POINTS} --make`)).result.backups
    inDatabase(shop, `DELETE FROM ${ACCOUNTS} WHERE id > 1`)
    shop.now = day(1)
    expect(await shop.json(`restore ${made.name}`)).toMatchObject({ exit: 1, problems: [{ code: 'USAGE' }] })
    expect(names(shop)).toEqual(['Ada'])
    const { result } = await shop.json(`restore ${made.name} --yes`)
    expect(names(shop)).toEqual(NAMES)
    expect((await shop.json(`restore ${result.restored[0].before} --yes`)).exit).toBe(0)
    expect(names(shop)).toEqual(['Ada'])
  })
})

describe('all at once', () => {
  eachItsOwnShop()
  test('restore --all: of every installed plugin the newest backup of its version, shown first; what has none stays', async () => {
    await install()
    expect(await shop.json('restore --all --yes')).toMatchObject({ exit: 5, problems: [{ code: 'NOT_FOUND', message: expect.stringContaining('any installed plugin') }] })
    await shop.json(`backups ${POINTS} --make`)
    shop.now = day(1)
    inDatabase(shop, `DELETE FROM ${ACCOUNTS} WHERE id = 1`)
    await shop.json(`backups ${POINTS} --make`)
    inDatabase(shop, `DELETE FROM ${ACCOUNTS}`)
    shop.typed = ['n']
    const asked = await shop.run('restore --all')
    expect([asked.exit, asked.err]).toEqual([1, expect.stringMatching(/^points-\S+ {2}1\.0\.0 {2}2026-11-23T\S+ {2}2 rows,[\s\S]*not confirmed/)])
    expect(names(shop)).toEqual([])
    shop.typed = ['y']
    expect((await shop.run('restore --all')).out).toMatch(/✓ points as it was at 2026-11-23T\S+: 1 table, 2 rows, 1 data file, .*; what was there is in points-\S+\n· feed stays as it is: there is no backup of its version/)
    expect(names(shop)).toEqual(['Bob', 'Cem'])
  })

  test('one backup that is damaged holds up no other, and is told', async () => {
    await install()
    const made = (await shop.json('backups --make')).result.backups
    damage(made.find((b: { plugin: string }) => b.plugin === POINTS).name)
    const { exit, result, problems } = await shop.json('restore --all --yes')
    expect({ exit, result, problems }).toMatchObject({ exit: 1, result: { restored: [{ backup: expect.stringMatching(/^feed-/) }], without: [] }, problems: [{ code: 'BACKUP_DAMAGED', message: expect.stringMatching(/^points-/) }] })
    expect(names(shop)).toEqual(NAMES)
  })

  test('remove --with-dependents: without it the plugin that others need stays, and the command that takes all is named', async () => {
    await shop.release('gift', '1.0.0', { manifest: { dependencies: { [POINTS]: '^1.0.0' } } })
    await shop.release('card', '1.0.0', { manifest: { dependencies: { gift: '^1.0.0' } } })
    const more = { gift: { version: '^1.0.0' }, card: { version: '^1.0.0' } }
    shop.want({ ...BOTH, ...more }, { policy: { minimumReleaseAge: '0s', maxRemovals: '90%' } })
    await shop.settle()
    fill(shop)
    const before = shop.read('plugins.yaml')
    expect(await shop.json(`remove ${POINTS}`)).toMatchObject({ exit: 3, problems: [{ code: 'IN_USE', message: `card, gift need ${POINTS}`, hint: `catalyst remove ${POINTS} --with-dependents removes ${POINTS}, card, gift.` }] })
    expect(shop.read('plugins.yaml')).toBe(before)
    expect((await shop.json(`remove ${POINTS} --with-dependents`)).exit).toBe(0)
    expect((await shop.json('apply')).result.outcomes).toMatchObject([{ id: 'card', outcome: 'applied' }, { id: 'gift', outcome: 'applied' }, { id: POINTS, outcome: 'applied' }])
    expect([await shop.installed(), names(shop)]).toEqual([{ feed: '1.0.0' }, NAMES])
  })

  test('an entry that is taken out by hand while another plugin needs it: it stays, for that one', async () => {
    await shop.release('gift', '1.0.0', { manifest: { dependencies: { [POINTS]: '^1.0.0' } } })
    shop.want({ ...BOTH, gift: { version: '^1.0.0' } })
    await shop.settle()
    fill(shop)
    await takeOut({}, { ...FEED, gift: { version: '^1.0.0' } })
    expect((await shop.json('apply')).result.outcomes.map((o: { id: string; action: string }) => `${o.action} ${o.id}`)).toEqual([`configure ${POINTS}`])
    expect([await shop.installed(), names(shop)]).toEqual([expect.objectContaining({ [POINTS]: '1.0.0' }), NAMES])
  })
})

describe('many at once, and other names', () => {
  eachItsOwnShop()
  test('a mass removal waits, all of it, until git names them', async () => {
    await install()
    for (const id of ['b', 'c', 'd']) await shop.release(id, '1.0.0')
    const more = Object.fromEntries(['b', 'c', 'd'].map((id) => [id, { version: '^1.0.0' }]))
    shop.want({ ...BOTH, ...more })
    await shop.settle()
    await takeOut({}, { d: { version: '^1.0.0' } })
    const { exit, result } = await shop.json('apply')
    expect({ exit, codes: [...new Set(result.blocked.map((b: { code: string }) => b.code))], outcomes: result.outcomes }).toEqual({ exit: 3, codes: ['MASS_REMOVAL'], outcomes: [] })
    expect(await shop.installed()).toHaveProperty(POINTS)
    await takeOut({ approvals: [{ removals: ['b', 'c', 'feed', POINTS] }] }, { d: { version: '^1.0.0' } })
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ d: '1.0.0' })
    expect(names(shop)).toEqual(NAMES)
  })

  test('moved: the rows go on under the new id', async () => {
    await install()
    await releasePoints(shop, '1.0.0', { id: 'bonus', repository: `acme/${POINTS}`, tag: 'bonus@1.0.0' })
    shop.want({ ...FEED, bonus: { version: '^1.0.0' } }, { moved: [{ from: POINTS, to: 'bonus' }] })
    expect((await shop.json('lock')).exit).toBe(0)
    expect((await shop.json('plan')).result.changes).toMatchObject([{ id: 'bonus', action: 'move', movedFrom: POINTS }])
    expect((await shop.json('apply')).exit).toBe(0)
    expect(names(shop, 'plg_bonus__accounts')).toEqual(NAMES)
    expect(names(shop)).toBeUndefined()
    expect(existsSync(join(shop.dir, 'plugin-data/bonus/export.csv'))).toBe(true)
    expect(await shop.installed()).toEqual({ feed: '1.0.0', bonus: '1.0.0' })
  })
})

describe('what was decided too early or too late', () => {
  eachItsOwnShop()

  test('a stale tombstone: named with its place and the version that it should name; what others wait for goes on', async () => {
    await install()
    await takeOut()
    await shop.json('apply')
    await takeOut(removed({ tables: 'remove' }, '1.0.1'))
    const before = await everything()
    const { exit, problems } = await shop.json('apply')
    expect({ exit, problems }).toMatchObject({ exit: 1, problems: [{ code: 'TOMBSTONE_STALE', hint: expect.stringContaining('points@1.0.0'), place: { file: expect.stringContaining('plugins.yaml'), line: expect.any(Number) } }] })
    expect(await everything()).toEqual(before)
    expect((await shop.json('plan')).exit).toBe(1)
  })

  test('a policy edited in the commit that deletes the entry does not count', async () => {
    await install({ tables: 'keep', data: 'keep' })
    await takeOut({ policy: { minimumReleaseAge: '0s', uninstall: { tables: 'remove', data: 'remove', grace: '0s' } } })
    await shop.json('apply')
    expect(await states()).toEqual({ config: 'retained', data: 'retained', tables: 'retained' })
    expect(names(shop)).toEqual(NAMES)
  })
})

describe('what is refused changes nothing', () => {
  beforeAll(async () => {
    await open()
    await install()
  })
  afterAll(() => shop.close())
  beforeEach(() => takeOut({}, BOTH))

  test.each<[string, Partial<PluginSet>, Record<string, PluginEntry>, string]>([
    ['an id under plugins and under removed', removed({ tables: 'remove' }), BOTH, 'CONTRADICTION'],
    ['an id twice under removed', { removed: { 'points@1.0.0': { tables: 'keep' }, 'points@1.0.1': { tables: 'remove' } } }, FEED, 'CONTRADICTION'],
    ['a policy with a word that is none', removed({ tables: 'delete' as 'remove' }), FEED, 'INVALID_VALUE'],
    ['a tombstone with a range', { removed: { 'points@^1.0.0': { tables: 'remove' } } }, FEED, 'INVALID_VALUE'],
  ])('%s', async (_what, odd, plugins, code) => {
    const before = await everything()
    shop.want(plugins, odd)
    const written = shop.read('plugins.lock.yaml')
    for (const command of ['lock', 'plan', 'apply']) expect(await shop.json(command)).toMatchObject({ exit: 1, problems: [{ code, hint: expect.stringMatching(/\w/), place: { file: expect.stringContaining('plugins.yaml'), line: expect.any(Number) } }] })
    expect(shop.read('plugins.lock.yaml')).toBe(written)
    shop.want(BOTH)
    expect(await everything()).toEqual(before)
  })

  test.each<[string, RegExp, string]>([
    ['points', /cannot be read/, 'USAGE'],
    ['points:tables', /cannot be read/, 'USAGE'],
    ['points:tabels=keep', /no class tabels/, 'USAGE'],
    ['points:tables=remov', /remov is no answer/, 'USAGE'],
    ['points:tables=later', /later is no answer/, 'USAGE'],
    ['point:tables=keep', /nothing is asked about point/, 'USAGE'],
    ['feed:tables=remove', /nothing is asked about feed/, 'USAGE'],
    ['points:config=remove', /says config: keep/, 'USAGE'],
    ['points:tables=keep --answer points:tables=remove', /both keep and remove/, 'USAGE'],
  ])('--answer %s', async (answer, message, code) => {
    await takeOut()
    const before = await everything()
    for (const command of ['plan', 'apply']) expect(await shop.json(`${command} --answer ${answer}`)).toMatchObject({ exit: 1, problems: [{ code, message: expect.stringMatching(message), hint: expect.stringMatching(/\w/) }] })
    expect(await everything()).toEqual(before)
  })

  test('--answer against what git says', async () => {
    await takeOut(removed({ tables: 'keep' }))
    expect((await shop.json('apply --answer points:tables=remove')).problems).toMatchObject([{ code: 'CONTRADICTION', message: expect.stringContaining('decides about tables of points@1.0.0 already: keep') }])
    expect(await shop.installed()).toHaveProperty(POINTS)
  })

  test.each([
    ['purge points', 'IN_USE'],
    ['purge nothing', 'NOT_INSTALLED'],
    ['restore', 'USAGE'],
    ['restore points-20260101T000000Z-00000000 --yes', 'NOT_FOUND'],
    ['backups nothing --make', 'NOT_INSTALLED'],
    ['backups --make --prune', 'USAGE'],
    ['backups --keep 3', 'USAGE'],
  ])('%s: %s', async (command, code) => {
    const before = await everything()
    const { exit, problems } = await shop.json(command)
    expect(exit).not.toBe(0)
    expect(problems).toMatchObject([{ code, hint: expect.stringMatching(/\w/) }])
    expect(await everything()).toEqual(before)
  })
})

/** One byte of the part of a backup that holds rows. */
function damage(name: string): void {
  const folder = join(shop.dir, 'plugin-data/.backups', name)
  const parts = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.endsWith('.json'))
  const [part] = parts
  if (!part) throw new Error('the backup has no parts')
  const path = join(part.parentPath, part.name).slice(shop.dir.length + 1)
  shop.flip(path)
}

function digestIn(yaml: string): Digest {
  const found = /sha256:[0-9a-f]{64}/.exec(yaml)?.[0]
  if (!found) throw new Error(`no digest in ${yaml}`)
  return found as Digest
}
