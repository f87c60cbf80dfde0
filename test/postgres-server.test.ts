import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import pg from 'pg'
import { newDatabase, type TestDatabase } from './postgres-server.ts'

/* The harness itself: what a test may rely on. */

describe('a database of the test server', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase()
  })
  afterAll(() => database.drop())

  const asking = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    return work(client).finally(() => client.end())
  }

  test('the store is no superuser, owns its database and may make roles', async () => {
    const { rows } = await asking(database.url, (c) => c.query(`SELECT rolsuper, rolcreaterole, current_database() AS name FROM pg_roles WHERE rolname = current_user`))
    expect(rows).toEqual([{ rolsuper: false, rolcreaterole: true, name: database.name }])
  })

  test('a wrong password is refused', async () => {
    const wrong = database.url.replace(database.password, 'wrong')
    await expect(asking(wrong, (c) => c.query('SELECT 1'))).rejects.toMatchObject({ code: '28P01' })
  })

  test('roles that a store made are gone with its database', async () => {
    const other = await newDatabase()
    await asking(other.url, (c) => c.query(`CREATE ROLE ${other.name}_plugin LOGIN`))
    await other.drop()
    expect((await database.admin.query('SELECT rolname FROM pg_roles WHERE rolname LIKE $1', [`${other.name}%`])).rows).toEqual([])
  })

  test('a store without the right makes no roles; it sorts as people do, not as code units', async () => {
    const other = await newDatabase({ createRole: false })
    await expect(asking(other.url, (c) => c.query('CREATE ROLE nobody_else'))).rejects.toMatchObject({ code: '42501' })
    const { rows } = await asking(other.url, (c) => c.query(`SELECT v FROM (VALUES ('a-b'), ('B'), ('ab')) AS t (v) ORDER BY v`))
    expect(rows.map((r: { v: string }) => r.v)).not.toEqual(['B', 'a-b', 'ab'])
    await other.drop()
  })
})
