import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MIGRATION_MAX_BYTES, readMigrations } from '../../../reconciler/tables/migration-files.ts'
import type { MigrationRef } from '../../../schemas/common.ts'
import { migrationsOf } from '../../../validator/migrations.ts'
import { samplePackage } from '../../validator/package-builder.ts'

let tree: string
beforeEach(() => void (tree = mkdtempSync(join(tmpdir(), 'catalyst-tree-'))))
afterEach(() => rmSync(tree, { recursive: true }))

/** Writes the files and gives what the lock would keep of them. */
function packed(files: Readonly<Record<string, string>>, ids = ['0001_a']): MigrationRef[] {
  for (const [name, text] of Object.entries(files)) {
    const path = join(tree, 'migrations', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const inPackage = Object.fromEntries(Object.entries(files).map(([name, text]) => [`migrations/${name}`, text]))
  return migrationsOf(samplePackage({ manifest: { migrations: ids }, files: inPackage }))
}

describe('what the lock names is read', () => {
  test('one file for both databases', async () => {
    const refs = packed({ '0001_a.sql': '-- catalyst: expand\nA', '0001_a.down.sql': 'undo A', '0002_b.sql': '\ufeffB' }, ['0001_a', '0002_b'])
    for (const dialect of ['sqlite', 'postgres'] as const) {
      expect(await readMigrations(tree, refs, dialect)).toEqual([
        { id: '0001_a', kind: 'expand', checksum: refs[0]?.checksum, up: '-- catalyst: expand\nA', down: 'undo A' },
        { id: '0002_b', kind: 'breaking', checksum: refs[1]?.checksum, up: 'B', down: undefined },
      ])
    }
  })

  test('one file for each', async () => {
    const refs = packed({ 'sqlite/0001_a.sql': 'S', 'sqlite/0001_a.down.sql': 'undo S', 'postgres/0001_a.sql': 'P' })
    expect((await readMigrations(tree, refs, 'sqlite'))[0]).toMatchObject({ up: 'S', down: 'undo S', checksum: refs[0]?.checksum })
    expect((await readMigrations(tree, refs, 'postgres'))[0]).toMatchObject({ up: 'P', down: undefined, checksum: refs[0]?.checksum })
  })
})

describe('anything else is refused', () => {
  test('no file for this kind of database', async () => {
    const refs = packed({ 'sqlite/0001_a.sql': 'S' })
    await expect(readMigrations(tree, refs, 'postgres')).rejects.toMatchObject({ code: 'MIGRATION_REFUSED', hint: expect.stringMatching(/migrations\/postgres\/0001_a\.sql/) })
  })

  test.each<[string, () => void]>([
    ['edited', () => writeFileSync(join(tree, 'migrations/0001_a.sql'), 'other')],
    ['missing', () => rmSync(join(tree, 'migrations/0001_a.sql'))],
    ['one too many', () => (mkdirSync(join(tree, 'migrations/sqlite')), writeFileSync(join(tree, 'migrations/sqlite/0001_a.sql'), 'S'))],
  ])('%s', async (_, damage) => {
    const refs = packed({ '0001_a.sql': 'A' })
    damage()
    await expect(readMigrations(tree, refs, 'sqlite')).rejects.toMatchObject({ code: 'TREE_MISMATCH' })
  })

  test('a kind that the lock does not say', async () => {
    const refs = packed({ '0001_a.sql': '-- catalyst: contract\nA' }).map((ref) => ({ ...ref, kind: 'expand' as const }))
    await expect(readMigrations(tree, refs, 'sqlite')).rejects.toMatchObject({ code: 'TREE_MISMATCH', message: expect.stringMatching(/says contract, plugins.lock.yaml says expand/) })
  })

  test.each([
    ['bytes that are not UTF-8', Buffer.from([0x41, 0xff])],
    ['a NUL character', Buffer.from('A\0B')],
  ])('%s', async (_, bytes) => {
    const refs = packed({ '0001_a.sql': 'A' })
    writeFileSync(join(tree, 'migrations/0001_a.down.sql'), bytes)
    await expect(readMigrations(tree, refs, 'sqlite')).rejects.toMatchObject({ code: 'NOT_UTF8', place: { file: 'migrations/0001_a.down.sql' } })
  })

  test('more than a person could review', async () => {
    const refs = packed({ '0001_a.sql': 'A' })
    writeFileSync(join(tree, 'migrations/0001_a.sql'), Buffer.alloc(MIGRATION_MAX_BYTES + 1, 0x20))
    await expect(readMigrations(tree, refs, 'sqlite')).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })
  })

  test('a link', async () => {
    const refs = packed({ '0001_a.sql': 'A' })
    symlinkSync('0001_a.sql', join(tree, 'migrations/0001_a.down.sql'))
    await expect(readMigrations(tree, refs, 'sqlite')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  })
})
