import { describe, expect, test } from 'vitest'
import { digestOf, sha256 } from '../../schemas/digest.ts'
import { migrationsOf } from '../../validator/migrations.ts'
import { validate } from '../../validator/validate.ts'
import { rulesOf, samplePackage } from './package-builder.ts'

function withMigrations(ids: readonly string[], files: Readonly<Record<string, string>>): ReturnType<typeof samplePackage> {
  return samplePackage({ manifest: { migrations: [...ids] }, files: Object.fromEntries(Object.entries(files).map(([name, text]) => [`migrations/${name}`, text])) })
}

test('in the order of the manifest, with checksum, kind and whether they can be undone', () => {
  const one = '-- makes the table of points\n-- catalyst: expand\nCREATE TABLE points (id INTEGER)\n'
  const pkg = withMigrations(['0001_points', '0002_drop'], { '0002_drop.sql': 'DROP TABLE x', '0001_points.sql': one, '0001_points.down.sql': 'DROP TABLE points' })
  expect(migrationsOf(pkg)).toEqual([
    { id: '0001_points', checksum: sha256(one), kind: 'expand', down: true },
    { id: '0002_drop', checksum: sha256('DROP TABLE x'), kind: 'breaking', down: false },
  ])
  expect(validate(pkg)).toEqual([])
})

test('one file for each database: one checksum over both, undone only where both are', () => {
  const files = { 'sqlite/0001_a.sql': '-- catalyst: contract\nA', 'postgres/0001_a.sql': '-- catalyst: contract\nB', 'sqlite/0001_a.down.sql': 'x', 'postgres/0001_a.down.sql': 'y' }
  const pkg = withMigrations(['0001_a'], files)
  const checksum = digestOf({ postgres: sha256('-- catalyst: contract\nB'), sqlite: sha256('-- catalyst: contract\nA') })
  expect(migrationsOf(pkg)).toEqual([{ id: '0001_a', checksum, kind: 'contract', down: true }])
  expect(validate(pkg)).toEqual([])
})

describe('what does not fit is a finding', () => {
  const up = '-- catalyst: expand\nCREATE TABLE a (id INTEGER)'
  test.each<[string, readonly string[], Record<string, string>, readonly string[]]>([
    ['a file that is missing', ['0001_a'], {}, ['migration-files error']],
    ['a file too many', [], { '0001_a.sql': up }, ['migration-files error']],
    ['a file of another kind', [], { 'notes.txt': 'x' }, ['migration-files error']],
    ['an undo without its migration', ['0001_a'], { '0001_a.down.sql': up }, ['migration-files error', 'migration-files error']],
    ['a kind that does not exist', ['0001_a'], { '0001_a.sql': '-- catalyst: expnad\nX' }, ['migration-files error']],
    ['other kinds for the two databases', ['0001_a'], { 'sqlite/0001_a.sql': up, 'postgres/0001_a.sql': 'X' }, ['migration-files error']],
    ['both at once', ['0001_a'], { '0001_a.sql': up, 'sqlite/0001_a.sql': up }, ['migration-files error']],
    ['one database alone', ['0001_a'], { 'sqlite/0001_a.sql': up }, ['migration-files warning']],
    ['undone on one database alone', ['0001_a'], { 'sqlite/0001_a.sql': up, 'postgres/0001_a.sql': up, 'sqlite/0001_a.down.sql': 'x' }, ['migration-files warning']],
    ['another database', ['0001_a'], { '0001_a.sql': up, 'mysql/0001_a.sql': up }, ['migration-files error']],
  ])('%s', (_, ids, files, rules) => expect(rulesOf(validate(withMigrations(ids, files)))).toEqual(rules))

  test('a kind that is not understood is the worst one, and its line is told', () => {
    const pkg = withMigrations(['0001_a'], { '0001_a.sql': '-- x\n-- catalyst: expnad\nX' })
    expect(migrationsOf(pkg)[0]?.kind).toBe('breaking')
    expect(validate(pkg)[0]?.place).toEqual({ file: 'package/migrations/0001_a.sql', line: 2, column: 1 })
  })

  test('a header after the first statement is none', () => {
    expect(migrationsOf(withMigrations(['0001_a'], { '0001_a.sql': 'DROP TABLE x;\n-- catalyst: expand\n' }))[0]?.kind).toBe('breaking')
  })
})
