import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../postgres-server.ts'
import { Shop } from './shop.ts'

/* The main job with the state in PostgreSQL; each step begins where the one before ended. */

let shop: Shop
let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase()
  shop = await Shop.open()
  shop.env['DATABASE_URL'] = database.url
  await shop.release('feed', '1.0.0')
  await shop.release('sms', '1.0.0')
})
afterAll(async () => {
  await shop.close()
  await database.drop()
})

const want = (plugins: Parameters<Shop['want']>[0], url = '${env:DATABASE_URL}'): void =>
  shop.want(plugins, { store: { id: 'acme-eu', catalyst: '3.2.0', database: url } })

/** Every byte that was written, in the store and in the caches beside it. */
const written = (): string => {
  const files = readdirSync(shop.dir, { recursive: true, encoding: 'utf8' }).map((name) => join(shop.dir, name)).filter((path) => statSync(path).isFile())
  return files.map((path) => readFileSync(path, 'latin1')).join('\n')
}

describe('store.database: ${env:DATABASE_URL}, a PostgreSQL database', () => {
  test('lock and plan make nothing in it', async () => {
    want({ feed: {}, sms: {} })
    expect((await shop.json('lock')).exit).toBe(0)
    const { exit, result } = await shop.json('plan')
    expect(exit).toBe(0)
    expect(result.changes.map((c: { id: string }) => c.id)).toEqual(['feed', 'sms'])
    expect((await database.admin.query(`SELECT to_regnamespace('catalyst') AS made`)).rows).toEqual([{ made: null }])
  })

  test('apply installs; status, generations and audit tell it; the next plan is empty', async () => {
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ feed: '1.0.0', sms: '1.0.0' })
    expect((await shop.json('plan --detailed-exitcode')).exit).toBe(0)
    expect((await shop.json('apply')).result).toMatchObject({ activated: false, generation: 1 })
    expect((await shop.run('generations')).out).toContain('1')
    expect((await shop.run('audit --verify')).exit).toBe(0)
    expect((await database.admin.query('SELECT id FROM catalyst.installs ORDER BY id')).rows).toEqual([{ id: 'feed' }, { id: 'sms' }])
    expect(existsSync(join(shop.dir, 'store.db'))).toBe(false)
  })

  test('an upgrade is rolled back, and stays held', async () => {
    await shop.release('feed', '1.1.0')
    expect((await shop.json('update')).exit).toBe(0)
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toMatchObject({ feed: '1.1.0' })
    expect((await shop.json('rollback')).exit).toBe(0)
    expect(await shop.installed()).toMatchObject({ feed: '1.0.0' })
    const { result } = await shop.json('plan')
    expect(result.changes).toEqual([])
    expect((await shop.run('plan')).out).toMatch(/feed.*held|hold.*feed/i)
    expect((await shop.json('rollback --lift feed')).exit).toBe(0)
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toMatchObject({ feed: '1.1.0' })
  })

  test('the published command answers a second node that starts with nothing but git and the database', async () => {
    const node = mkdtempSync(join(tmpdir(), 'catalyst-node-'))
    for (const file of ['plugins.yaml', 'plugins.lock.yaml', 'root.json']) cpSync(join(shop.dir, file), join(node, file))
    const catalyst = async (...args: string[]): Promise<string> => {
      const env = { PATH: process.env['PATH'], ...shop.env, XDG_STATE_HOME: join(node, '.state') }
      return (await promisify(execFile)(process.execPath, [resolve(import.meta.dirname, '../../bin/catalyst.cjs'), '-C', node, ...args], { env })).stdout
    }
    expect(await catalyst('status')).toContain('1.1.0')
    await catalyst('apply')
    expect(readdirSync(join(node, '.catalyst/current')).sort()).toContain('feed')
    expect(await catalyst('plan')).toContain('No changes')
    rmSync(node, { recursive: true, force: true })
  })

  test('two that apply at the same time: one is told that the other does', async () => {
    await database.admin.query(`INSERT INTO catalyst.lease VALUES (1, 'another-node', 99, now()::text, to_char(now() + interval '1 hour', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))`)
    await shop.release('sms', '1.1.0')
    expect((await shop.json('update')).exit).toBe(0)
    expect(await shop.json('apply')).toMatchObject({ exit: 7, problems: [{ code: 'BUSY', message: expect.stringContaining('another-node') }] })
    await database.admin.query('DELETE FROM catalyst.lease')
    expect((await shop.json('apply')).exit).toBe(0)
  })

  test('a database that cannot be asked is no empty store: nothing changes, exit 1', async () => {
    const url = new URL(database.url)
    url.port = '1'
    for (const command of ['plan', 'apply', 'status', 'rollback']) {
      shop.env['DATABASE_URL'] = url.href
      const answer = await shop.json(command)
      shop.env['DATABASE_URL'] = database.url
      expect(answer).toMatchObject({ exit: 1, problems: [{ code: 'STATE_UNAVAILABLE' }] })
      expect(JSON.stringify(answer)).not.toContain(database.password)
    }
    expect(await shop.installed()).toEqual({ feed: '1.1.0', sms: '1.1.0' })
  })

  test('a variable that is not set is said so by its name', async () => {
    delete shop.env['DATABASE_URL']
    expect(await shop.json('plan')).toMatchObject({ exit: 1, problems: [{ code: 'SECRET_MISSING', message: expect.stringContaining('DATABASE_URL') }] })
    shop.env['DATABASE_URL'] = database.url
  })

  test('a password may be a reference inside the URL', async () => {
    shop.env['DB_PASSWORD'] = database.password
    want({ feed: {}, sms: {} }, database.url.replace(database.password, '${env:DB_PASSWORD}'))
    expect((await shop.json('lock')).exit).toBe(0)
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ feed: '1.1.0', sms: '1.1.0' })
  })

  test('no password was written anywhere by any of this', () => {
    expect(written()).not.toContain(database.password)
  })

  test('a URL written out in plugins.yaml stays there alone', async () => {
    want({ feed: {}, sms: {} }, database.url)
    expect((await shop.json('lock')).exit).toBe(0)
    expect((await shop.json('apply')).exit).toBe(0)
    expect((await shop.json('plan --detailed-exitcode')).exit).toBe(0)
    expect((await shop.json('rollback --to 1')).exit).toBe(0)
    expect(written().split(database.password)).toHaveLength(2)
  })
})
