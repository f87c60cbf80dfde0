import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../catalog/db/open.ts'
import { runProcess } from '../../builders/process.ts'
import { newDatabase, type TestDatabase } from '../../postgres-server.ts'

/* Opening makes the tables, once, whoever opens first; what cannot be opened says so and shows no password. */

const OPEN = join(import.meta.dirname, '../../../catalog/db/open.ts')

let dir: string
let postgres: TestDatabase
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'catalyst-catalog-'))
  postgres = await newDatabase()
})
afterAll(async () => {
  await postgres.drop()
  rmSync(dir, { recursive: true, force: true })
})

const urls = { sqlite: () => `sqlite:${join(dir, 'catalog.db')}`, postgres: () => postgres.url }

describe.each(Object.entries(urls))('%s', (_kind, url) => {
  test('makes its tables, and two that open at once do not meet', async () => {
    const opening = `const { db } = await (await import('${OPEN}')).openDatabase('${url()}'); await db.destroy(); console.log('made')`
    const open = () => runProcess([process.execPath, '--input-type=module', '-e', opening], { cwd: dir, env: {} })
    expect((await Promise.all([open(), open()])).map(({ exit, out, err }) => [exit, out, err])).toEqual([[0, 'made\n', ''], [0, 'made\n', '']])
    const { db } = await openDatabase(url())
    expect(await db.selectFrom('catalog_plugins').selectAll().execute()).toEqual([])
    await db.destroy()
  })

  test('a database that a newer version has changed is left alone', async () => {
    const { db } = await openDatabase(url())
    await db.insertInto('catalog_migrations' as 'catalog_notes').values({ name: '9999-later', timestamp: '2030-01-01' } as never).execute()
    await db.destroy()
    await expect(openDatabase(url())).rejects.toMatchObject({ code: 'STATE_INVALID' })
  })
})

test.each([['nowhere:x'], ['sqlite:/does/not/exist/catalog.db'], ['postgres://ana:S3cret-word@127.0.0.1:1/none']])('%s cannot be opened', async (url) => {
  const error = await openDatabase(url).catch((e: unknown) => e)
  expect(error).toMatchObject({ code: 'STATE_UNAVAILABLE' })
  expect(String(error)).not.toContain('S3cret-word')
})
