import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { block, NOW, recordOf } from '../../builders/store.ts'

/** better-sqlite3 carries a SQLite of its own: what it reads is in the file, and not only in the mind of ours. */
interface Reader {
  pragma(text: string, options: { simple: true }): unknown
  prepare(sql: string): { get(): Record<string, unknown>; all(): Record<string, unknown>[] }
  close(): void
}
const OtherSqlite = createRequire(import.meta.url)('better-sqlite3') as new (path: string, options: { readonly: true }) => Reader

test('another SQLite library reads what we recorded, and finds the file sound', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'catalyst-reader-'))
  const path = join(dir, 'store.db')
  const state = await openSqlite(path)
  const record = recordOf('a', block('a'))
  const lease = await state.acquireLease('test', NOW, 60_000)
  const generation = { number: 1, createdAt: NOW, plugins: { a: { version: '1.0.0', tree: record.block.tree, record } } }
  await state.commit({ generation, activation: { at: NOW, by: 'test', reason: 'test' }, installs: [record], removed: [], holds: [], audit: [{ event: 'install', id: 'a', details: {} }], token: lease.token }, NOW)
  await state.close()

  const other = new OtherSqlite(path, { readonly: true })
  expect(other.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(other.prepare('SELECT id FROM catalyst_installs').all()).toEqual([{ id: 'a' }])
  expect(other.prepare('SELECT event FROM catalyst_audit').all()).toEqual([{ event: 'install' }])
  other.close()
  rmSync(dir, { recursive: true, force: true })
})
