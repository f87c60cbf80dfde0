import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bundled } from '../../builders/bundled.ts'
import { Ground } from './ground.ts'

/* Every boundary of writing and restoring: a failure there, and a process that is killed there. */

const WRITE = ['listed', 'data written', 'tables written', 'renamed', 'read back']
const RESTORE = ['proven', 'staged', 'dropped', 'filled', 'old aside', 'new live', 'committed']
const KILLER = bundled('test/reconciler/backup/killed-process.ts')

let ground: Ground
beforeEach(async () => {
  ground = await Ground.make()
  ground.fill()
})
afterEach(() => ground.remove())

const failingAt = (there: string) => (boundary: string) => {
  if (boundary === there) throw new Error(`planted at ${there}`)
}

/** Runs a command of `killed-process.ts` that ends itself by SIGKILL at a boundary. */
function killedAt(boundary: string, ...args: string[]): void {
  const { signal, stderr } = spawnSync(process.execPath, [KILLER, ground.path, ground.dataDir, String(ground.fence.token), boundary, ...args], { encoding: 'utf8' })
  expect([signal, stderr]).toEqual(['SIGKILL', ''])
}

describe('the boundaries are all that there are', () => {
  test('in their order', async () => {
    const seen: string[] = []
    const backups = ground.backups((boundary) => seen.push(boundary))
    const { name } = await backups.write(ground.request())
    expect(seen.splice(0)).toEqual(WRITE)
    await backups.restore(name, { store: 'acme-eu' }, ground.fence)
    expect(seen).toEqual(RESTORE)
  })
})

describe('writing', () => {
  test.each(WRITE)('a failure at "%s" leaves no backup and no folder', async (boundary) => {
    const before = ground.content()
    await expect(ground.backups(failingAt(boundary)).write(ground.request())).rejects.toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining('planted') })
    expect(await ground.backups().list()).toEqual([])
    expect(ground.rows('SELECT * FROM catalyst_backups')).toEqual([])
    if (existsSync(join(ground.dataDir, '.backups'))) expect(readdirSync(join(ground.dataDir, '.backups'))).toEqual([])
    expect(ground.content()).toBe(before)
  })

  test.each(WRITE)('a process killed at "%s" leaves nothing that counts, and prune clears it', async (boundary) => {
    killedAt(boundary, 'write')
    expect(await ground.backups().list()).toEqual([])
    await ground.backups().prune({ keep: 5, keepDays: 30, now: '2026-11-23T11:00:00Z', pinned: new Set() })
    expect(ground.rows('SELECT count(*) AS n FROM catalyst_backups')).toEqual([{ n: 1n }]) // it may still be at work
    await ground.backups().prune({ keep: 5, keepDays: 30, now: '2026-11-24T12:00:00Z', pinned: new Set() })
    expect(ground.rows('SELECT * FROM catalyst_backups')).toEqual([])
    if (existsSync(join(ground.dataDir, '.backups'))) expect(readdirSync(join(ground.dataDir, '.backups'))).toEqual([])
  })

  test('a signal ends it and leaves nothing', async () => {
    const stop = new AbortController()
    const backups = ground.backups((boundary) => boundary === 'data written' && stop.abort(new Error('enough')))
    await expect(backups.write(ground.request({ signal: stop.signal }))).rejects.toThrow('enough')
    expect(await ground.backups().list()).toEqual([])
    expect(readdirSync(join(ground.dataDir, '.backups'))).toEqual([])
  })
})

describe('restoring', () => {
  let name: string
  let backedUp: string
  let changed: string
  beforeEach(async () => {
    backedUp = ground.content()
    name = (await ground.backups().write(ground.request())).name
    ground.sql(`DELETE FROM plg_loyalty_points__accounts; ALTER TABLE plg_loyalty_points__odd ADD COLUMN more`)
    ground.applied('loyalty-points', '0003_third')
    ground.put('settings.json', 'changed')
    changed = ground.content()
  })

  test.each(RESTORE)('a failure at "%s" leaves all as it was, or all restored', async (boundary) => {
    await expect(ground.backups(failingAt(boundary)).restore(name, { store: 'acme-eu' }, ground.fence)).rejects.toThrow('planted')
    expect(ground.content()).toBe(boundary === 'committed' ? backedUp : changed)
    expectTidy()
  })

  test.each(RESTORE)('a process killed at "%s" is finished or undone by settle', async (boundary) => {
    killedAt(boundary, 'restore', name)
    await ground.backups().settle(ground.fence)
    expect(ground.content()).toBe(boundary === 'committed' ? backedUp : changed)
    expectTidy()
    await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
    expect(ground.content()).toBe(backedUp)
  })

  test.each(['old aside', 'new live', 'committed'])('after "%s" nobody settles without the lease', async (boundary) => {
    killedAt(boundary, 'restore', name)
    const stale = ground.fence
    await ground.takeLease()
    await expect(ground.backups().settle(stale)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(await ground.backups().settle(ground.fence)).toEqual(['loyalty-points'])
    expect(ground.content()).toBe(boundary === 'committed' ? backedUp : changed)
  })

  test('settle costs nothing when there is nothing', async () => {
    expect(await ground.backups().settle({ ...ground.fence, token: -1 })).toEqual([])
  })

  function expectTidy(): void {
    expect(readdirSync(ground.dataDir).sort()).toEqual(['.backups', 'loyalty-points'])
    expect(ground.rows('SELECT * FROM catalyst_restores')).toEqual([])
  }
})
