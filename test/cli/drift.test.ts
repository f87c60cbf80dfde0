import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enterHost } from '../../reconciler/state/hosts.ts'
import { storePaths } from '../../reconciler/state/paths.ts'
import type { PluginEntry } from '../../schemas/plugin-set.ts'
import { ACCOUNTS, fill, inDatabase, names, POINTS, releasePoints } from './points.ts'
import { Shop } from './shop.ts'

/* What others changed past git and past the migrations, as `status --check` tells it. Files that were altered: repair.test.ts. */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await releasePoints(shop, '1.0.0')
  await releasePoints(shop, '1.1.0')
  await shop.release('feed', '1.0.0', { manifest: { config: { type: 'object' } } })
  want()
  await shop.settle()
  fill(shop)
})
afterAll(() => shop.close())

function want(feed: Partial<PluginEntry> = {}, points = '~1.0.0'): void {
  shop.want({ [POINTS]: { version: points }, feed: { version: '^1.0.0', config: { colour: 'red', theme: { size: 1 } }, ...feed } })
}

/** Exit code, what is said to have drifted, and the condition of one plugin. */
async function looked(id: string): Promise<{ readonly exit: number; readonly drift: readonly { readonly id: string; readonly class: string; readonly message: string }[]; readonly condition: string }> {
  const { exit, result } = await shop.json('status --check')
  const plugin = result.plugins.find((p: { id: string }) => p.id === id)
  return { exit, drift: result.drift, condition: plugin.conditions.find((c: { type: string }) => c.type === 'Drifted').reason }
}

describe('tables that are not as the migrations made them', () => {
  test('rows are no drift', async () => {
    expect(await looked(POINTS)).toEqual({ exit: 0, drift: [], condition: 'FilesChecked' })
  })

  test('a column that somebody added: named, exit 6, and nothing changes it', async () => {
    inDatabase(shop, `ALTER TABLE ${ACCOUNTS} ADD COLUMN by_hand TEXT`)
    expect(await looked(POINTS)).toMatchObject({ exit: 6, condition: 'TablesAltered', drift: [{ id: POINTS, class: 'schema', message: expect.stringContaining('not as its migrations made them') }] })
    expect((await shop.run('status --check')).out).toMatch(/points +1\.0\.0 +live, verified, TablesAltered/)
    expect((await shop.json('plan --check')).result.changes).toEqual([])
    await shop.json('apply --check')
    expect(inDatabase(shop, `SELECT name FROM pragma_table_info('${ACCOUNTS}')`).map((row) => row['name'])).toEqual(['id', 'name', 'by_hand'])
  })

  test('taken back by hand it is well again; the next migration says what is well from then on', async () => {
    inDatabase(shop, `ALTER TABLE ${ACCOUNTS} DROP COLUMN by_hand`)
    expect((await looked(POINTS)).exit).toBe(0)
    want({}, '^1.1.0')
    await shop.settle()
    expect((await looked(POINTS)).exit).toBe(0)
    inDatabase(shop, `CREATE INDEX plg_points__fast ON ${ACCOUNTS} (name)`)
    expect((await looked(POINTS)).exit).toBe(6)
    inDatabase(shop, 'DROP INDEX plg_points__fast')
    expect(names(shop)).toHaveLength(3)
  })

  test('a restored backup is what a backup holds', async () => {
    const [made] = (await shop.json(`backups ${POINTS} --make`)).result.backups
    inDatabase(shop, `ALTER TABLE ${ACCOUNTS} RENAME COLUMN name TO label`)
    expect((await looked(POINTS)).exit).toBe(6)
    expect((await shop.json(`restore ${made.name} --yes`)).exit).toBe(0)
    expect((await looked(POINTS)).exit).toBe(0)
  })
})

describe('a host that runs a plugin with another config', () => {
  const hosts = (colour: string, size: number): (() => void) => enterHost(storePaths(shop.dir), { generation: 1, configs: { feed: { colour, theme: { size } } } })

  test('the same: nothing; another: its places, never its values, exit 6; apply leaves it alone', async () => {
    const leave = hosts('red', 1)
    expect((await looked('feed')).exit).toBe(0)
    hosts('ultramarine', 2)
    const { exit, drift, condition } = await looked('feed')
    expect({ exit, drift, condition }).toMatchObject({ exit: 6, condition: 'ConfigDiffers', drift: [{ id: 'feed', class: 'config', message: expect.stringMatching(/: \/colour, \/theme\/size$/) }] })
    const told = [await shop.run('status --check'), await shop.json('status --check')].map(({ out, err }) => out + err).join('')
    expect(told).not.toContain('ultramarine')
    expect((await shop.json('apply --check')).result).toMatchObject({ outcomes: [] })
    leave()
    expect((await looked('feed')).exit).toBe(0)
  })

  test('ignoreDrift: a place, and what lies below it, may differ; others may not', async () => {
    want({ ignoreDrift: ['/theme'] }, '^1.1.0')
    await shop.settle()
    const leave = hosts('red', 2)
    expect((await looked('feed')).exit).toBe(0)
    hosts('blue', 2)
    expect((await looked('feed')).drift).toMatchObject([{ id: 'feed', message: expect.stringMatching(/: \/colour$/) }])
    leave()
  })
})
