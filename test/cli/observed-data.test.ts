import { expect, test } from 'vitest'
import { observeData } from '../../cli/observed-data.ts'
import type { AppliedMigration, PluginData } from '../../reconciler/data-ports.ts'
import { memoryData } from '../builders/memory-data.ts'
import { sha256 } from '../../schemas/digest.ts'
import { block as blockOf } from '../builders/store.ts'

const TEXT = new TextEncoder().encode('CREATE TABLE t (id INTEGER)')
const first = { id: '0001_first', checksum: sha256(TEXT), kind: 'expand', down: false } as const
const block = blockOf('a', '1.0.0', { migrations: [first] })

function dataWith(ran: readonly string[]): PluginData {
  const data = memoryData()
  const applied = ran.map((plugin): AppliedMigration => ({ plugin, id: first.id, kind: first.kind, checksum: first.checksum, up: '', down: undefined, appliedAt: '2026-01-01T00:00:00Z', sequence: 1 }))
  return { ...data, tables: { ...data.tables, applied: async () => applied } }
}

test('tables of a plugin that stays as it is are not measured; of one that leaves, or whose migrations have not all run, they are', async () => {
  const staying = new Map([['a', block], ['b', block]])
  const observed = await observeData({ ids: ['a', 'b', 'c', 'd'], going: ['c'], staying }, dataWith(['a', 'c', 'd']))
  expect([...(observed.inventories ?? [])].map(([id]) => id)).toEqual(['b', 'c', 'd'])
  expect([...(observed.dataFolders ?? [])].map(([id]) => id)).toEqual(['b', 'c', 'd'])
  expect([...(observed.applied ?? [])].map(([id, ran]) => [id, ran.length])).toEqual([['a', 1], ['b', 0], ['c', 1], ['d', 1]])
})
