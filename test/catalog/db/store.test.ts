import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCatalog } from '../../../catalog/db/store.ts'
import { catalogContract } from '../../contracts/catalog-store.ts'
import { newDatabase, type TestDatabase } from '../../postgres-server.ts'

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

describe('in SQLite', () => catalogContract(() => openCatalog(`sqlite:${join(dir, 'catalog.db')}`)))
describe('in PostgreSQL', () => catalogContract(() => openCatalog(postgres.url)))

test('a server that goes away is an error with a code, and the next question is answered', async () => {
  const store = await openCatalog(postgres.url)
  await store.ping()
  await postgres.disconnect()
  await store.ping().catch((error: unknown) => expect(error).toMatchObject({ code: 'STATE_UNAVAILABLE' }))
  await store.ping()
  await store.close()
})
