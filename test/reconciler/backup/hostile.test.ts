import { readdirSync, readFileSync, renameSync, symlinkSync, truncateSync, writeFileSync, cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { Header } from 'tar'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sha256, type Digest } from '../../../schemas/digest.ts'
import { Ground } from './ground.ts'

let ground: Ground
let name: string
let before: string
async function fresh(): Promise<void> {
  ground = await Ground.make()
  ground.sql(`CREATE TABLE orders (id INTEGER PRIMARY KEY, secret TEXT); INSERT INTO orders VALUES (1, 'card')`)
  ground.fill()
  name = (await ground.backups().write(ground.request())).name
  before = ground.content()
}

const folder = (): string => join(ground.dataDir, '.backups', name)
const restore = (digest?: Digest): Promise<unknown> => ground.backups().restore(name, { store: 'acme-eu', digest }, ground.fence)

/** Nothing was changed: neither the plugin, nor the shop, nor what lies around. */
function expectUntouched(): void {
  expect(ground.content()).toBe(before)
  expect(ground.rows('SELECT * FROM orders')).toEqual([{ id: 1n, secret: 'card' }])
  expect(readdirSync(ground.dataDir).sort()).toEqual(['.backups', 'loyalty-points'])
  expect(ground.rows(`SELECT name FROM sqlite_schema WHERE name LIKE 'evil%'`)).toEqual([])
}

describe('a folder that is not what was written', () => {
  beforeEach(fresh)
  afterEach(() => ground.remove())

  test('any part cut short, missing, exchanged or with a byte more is refused by name', async () => {
    for (const file of readdirSync(folder())) {
      const path = join(folder(), file)
      const bytes = readFileSync(path)
      truncateSync(path, bytes.length - 1)
      await expect(ground.backups().verify(name)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', message: expect.stringContaining(file) })
      await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', message: expect.stringContaining(file) })
      writeFileSync(path, Buffer.concat([bytes, Buffer.from('x')]))
      await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
      rmSync(path)
      await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', message: expect.stringContaining(file) })
      writeFileSync(path, bytes)
    }
    expectUntouched()
    await ground.backups().verify(name)
    writeFileSync(join(folder(), 'more.txt'), 'more')
    await expect(ground.backups().verify(name)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', message: expect.stringContaining('more.txt') })
  })

  test('a part of the same size that unpacks well and says something else', async () => {
    const path = join(folder(), 'data.tar.zst')
    const packed = readFileSync(path)
    const raw = zstdDecompressSync(packed)
    raw[raw.indexOf('{"rate":2}') + 8] = '7'.charCodeAt(0)
    const other = zstdCompressSync(raw, { chunkSize: 256 * 1024, params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 } })
    writeFileSync(path, other)
    await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', message: expect.stringContaining(other.length === packed.length ? 'its digest is' : 'bytes, the manifest names') })
    writeFileSync(path, Buffer.concat([other, packed]).subarray(0, packed.length))
    await expect(ground.backups().verify(name)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    expectUntouched()
  })

  test('a manifest with fitting digests is not believed: the store has its digest', async () => {
    forge((manifest) => ({ ...manifest, reason: 'edited' }))
    await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', message: expect.stringMatching(/manifest\.json.*the store recorded/) })
    await expect(ground.backups().verify(name)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    expectUntouched()
  })

  test('a backup of another name in its place', async () => {
    const other = await ground.backups().write(ground.request({ reason: 'other' }))
    rmSync(folder(), { recursive: true })
    cpSync(join(ground.dataDir, '.backups', other.name), folder(), { recursive: true })
    await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    await expect(restore(other.digest)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', message: expect.stringContaining(other.name) })
  })

  test('a backup that the database does not know needs its digest, said by a person', async () => {
    ground.sql('DELETE FROM catalyst_backups')
    const { digest } = await ground.backups().verify(name)
    await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_FOREIGN', hint: expect.stringContaining(digest) })
    await expect(restore(sha256('other'))).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    await restore(digest)
    expectUntouched()
  })

  test('names that lead elsewhere, and backups that are not there', async () => {
    for (const odd of ['../loyalty-points', '.', '/etc', 'loyalty-points', `${name}/..`, 'loyalty-points-20261122T120000Z-00000000']) {
      await expect(ground.backups().restore(odd, { store: 'acme-eu' }, ground.fence)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      await expect(ground.backups().verify(odd)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
  })

  test('a link where the backups or a data folder should be', async () => {
    renameSync(join(ground.dataDir, 'loyalty-points'), join(ground.folder, 'elsewhere'))
    symlinkSync(join(ground.folder, 'elsewhere'), join(ground.dataDir, 'loyalty-points'))
    await expect(ground.backups().write(ground.request())).rejects.toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining('link') })
    await expect(restore()).rejects.toMatchObject({ code: 'BACKUP_FAILED' })
  })

  test('a link in a data folder is named, not lost and not followed', async () => {
    symlinkSync('/etc/passwd', join(ground.dataDir, 'loyalty-points', 'uploads', 'passwd'))
    await expect(ground.backups().write(ground.request())).rejects.toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining('uploads/passwd is a link') })
    expect(await ground.backups().list()).toHaveLength(1)
    expect(readdirSync(join(ground.dataDir, '.backups'))).toEqual([name])
  })
})

describe('another origin', () => {
  beforeEach(fresh)
  afterEach(() => ground.remove())

  test('another store', async () => {
    await expect(ground.backups().restore(name, { store: 'acme-us' }, ground.fence)).rejects.toMatchObject({ code: 'BACKUP_FOREIGN', message: expect.stringMatching(/acme-eu.*acme-us/) })
  })

  test('another kind of database, with the reason', async () => {
    const digest = forge((manifest) => ({ ...manifest, dialect: 'postgres', engine: 'PostgreSQL 18.4' }))
    await expect(restore(digest)).rejects.toMatchObject({ code: 'BACKUP_FOREIGN', message: expect.stringMatching(/PostgreSQL 18\.4.*sqlite.*no exact counterpart/) })
  })

  test('a newer format', async () => {
    const digest = forge((manifest) => ({ ...manifest, formatVersion: 2, somethingNew: true }))
    await expect(restore(digest)).rejects.toMatchObject({ code: 'BACKUP_NEWER', message: expect.stringMatching(/format 2.*format 1/) })
    expectUntouched()
  })
})

type Manifest = { schema: { encoding: string; tables: Record<string, unknown>[]; dependents: Record<string, unknown>[] }; tables: Record<string, unknown>[]; data: Record<string, unknown>; [key: string]: unknown }

/** Writes another manifest. @returns its digest */
function forge(edit: (manifest: Manifest) => object): Digest {
  const path = join(folder(), 'manifest.json')
  const text = JSON.stringify(edit(JSON.parse(readFileSync(path, 'utf8')) as Manifest))
  writeFileSync(path, text)
  return sha256(text)
}

/** Puts other bytes in place of a part. @returns its fields for the manifest */
function forgePart(file: string, raw: Buffer): { size: number; sha256: Digest; bytes: number } {
  const packed = zstdCompressSync(raw)
  writeFileSync(join(folder(), file), packed)
  return { size: packed.length, sha256: sha256(packed), bytes: raw.length }
}

describe('even when a person vouches for it, SQL that is not ours changes nothing', () => {
  // One store for all: what is not changed need not be made again.
  beforeAll(fresh)
  afterAll(() => ground.remove())
  let saved = new Map<string, Buffer>()
  beforeEach(() => (saved = new Map(readdirSync(folder()).map((file) => [file, readFileSync(join(folder(), file))]))))
  afterEach(() => saved.forEach((bytes, file) => writeFileSync(join(folder(), file), bytes)))

  const P = 'plg_loyalty_points__'
  const tables: Readonly<Record<string, { name?: string; sql: string }>> = {
    'copies secrets': { sql: `CREATE TABLE ${P}x AS SELECT * FROM orders` },
    'has a foreign name': { name: 'evil', sql: 'CREATE TABLE evil (a)' },
    'makes something else': { sql: 'CREATE TABLE evil (a)' },
    'drops orders': { sql: 'DROP TABLE orders' },
    'deletes rows': { sql: 'DELETE FROM orders' },
    'commits': { sql: 'COMMIT' },
    'attaches a file': { sql: `ATTACH '/tmp/evil.db' AS evil` },
    'changes a setting': { sql: 'PRAGMA writable_schema = 1' },
    'writes the schema': { sql: `UPDATE sqlite_schema SET sql = 'CREATE TABLE orders (x)' WHERE name = 'orders'` },
    'makes a passing table': { sql: `CREATE TEMP TABLE ${P}x (a)` },
    'makes a virtual table': { sql: `CREATE VIRTUAL TABLE ${P}x USING fts5(a)` },
    'has two statements': { sql: `CREATE TABLE ${P}x (a); DROP TABLE orders` },
    'is no SQL': { sql: 'nonsense' },
  }
  test.each(Object.entries(tables))('a table that %s', async (_what, { name: table = `${P}x`, sql }) => {
    const digest = forge((m) => ({ ...m, schema: { ...m.schema, tables: [...m.schema.tables, { name: table, sql, columns: [{ name: 'a' }] }] } }))
    await expect(restore(digest)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    expectUntouched()
  })

  const others: Readonly<Record<string, { type: string; name: string; table: string; sql: string }>> = {
    'a trigger on orders': { type: 'trigger', name: `${P}t`, table: 'orders', sql: `CREATE TRIGGER ${P}t AFTER INSERT ON orders BEGIN DELETE FROM ${P}odd; END` },
    'a trigger that empties orders': { type: 'trigger', name: `${P}t`, table: `${P}odd`, sql: `CREATE TRIGGER ${P}t AFTER INSERT ON ${P}odd BEGIN DELETE FROM orders; END` },
    'a trigger that reads orders': { type: 'trigger', name: `${P}t`, table: `${P}odd`, sql: `CREATE TRIGGER ${P}t AFTER DELETE ON ${P}odd BEGIN INSERT INTO ${P}strict SELECT secret, 1 FROM orders; END` },
    'a view on orders': { type: 'view', name: `${P}v`, table: `${P}v`, sql: `CREATE VIEW ${P}v AS SELECT secret FROM orders` },
    'a trigger on a view that empties orders': { type: 'trigger', name: `${P}t`, table: `${P}gold`, sql: `CREATE TRIGGER ${P}t INSTEAD OF INSERT ON ${P}gold BEGIN DELETE FROM orders; END` },
    'an index on orders': { type: 'index', name: 'evil', table: 'orders', sql: 'CREATE INDEX evil ON orders (secret)' },
    'an index that says another table': { type: 'index', name: 'evil', table: `${P}odd`, sql: 'CREATE INDEX evil ON orders (secret)' },
    'a view of the schema': { type: 'view', name: `${P}v`, table: `${P}v`, sql: `CREATE VIEW ${P}v AS SELECT file FROM pragma_database_list` },
  }
  test.each(Object.entries(others))('%s', async (_what, thing) => {
    const digest = forge((m) => ({ ...m, schema: { ...m.schema, dependents: [...m.schema.dependents, thing] } }))
    await expect(restore(digest)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    expectUntouched()
  })

  test('rows for a table that is not there, in an unknown encoding, with a column that is SQL', async () => {
    const first = (edit: object) => (m: Manifest) => ({ ...m, tables: [{ ...m.tables[0], ...edit }, ...m.tables.slice(1)] })
    for (const edit of [first({ table: 'orders' }), first({ encoding: 'other' }), first({ rows: 4 }), first({ bytes: 1 }), first({ file: '../../store.db' })]) {
      const saved = readFileSync(join(folder(), 'manifest.json'))
      await expect(restore(forge(edit))).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
      writeFileSync(join(folder(), 'manifest.json'), saved)
    }
    const columns = (m: Manifest) => ({ ...m, schema: { ...m.schema, tables: m.schema.tables.map((t, i) => (i === 0 ? { ...t, columns: [{ name: 'id) SELECT 1; DROP TABLE orders --' }, ...(t['columns'] as object[]).slice(1)] } : t)) } })
    await expect(restore(forge(columns))).rejects.toMatchObject({ code: expect.stringMatching(/^BACKUP_/) })
    expectUntouched()
  })

  test('rows that are not rows', async () => {
    for (const raw of [Buffer.from('short'), frame(1, Buffer.from([9])), frame(2, Buffer.from([0])), frame(1, Buffer.from([4, 255, 255, 255, 255])), frame(0, Buffer.from([0])), Buffer.from([255, 255, 255, 255, 0, 0, 0, 0])]) {
      const digest = forge((m) => ({ ...m, tables: [{ ...m.tables[0], rows: 1, ...forgePart(String(m.tables[0]?.['file']), raw) }, ...m.tables.slice(1)] }))
      await expect(restore(digest)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    }
    expectUntouched()
  })

  const entries: Readonly<Record<string, readonly Partial<Header>[]>> = {
    'a way out': [{ path: '../evil', type: 'File' }],
    'an absolute path': [{ path: '/tmp/evil-absolute', type: 'File' }],
    'a link': [{ path: 'evil', type: 'SymbolicLink', linkpath: '/etc/passwd' }],
    'a link and a file through it': [{ path: 'evil', type: 'SymbolicLink', linkpath: '..' }, { path: 'evil/x', type: 'File' }],
    'a hard link': [{ path: 'evil', type: 'Link', linkpath: '../../store.db' }],
    'a device': [{ path: 'evil', type: 'CharacterDevice', devmaj: 1, devmin: 3 }],
    'the same file twice': [{ path: 'evil', type: 'File' }, { path: './evil', type: 'File' }],
  }
  test.each(Object.entries(entries))('a data folder with %s', async (_what, list) => {
    const digest = forge((m) => ({ ...m, data: { ...m.data, files: list.length, folders: 0, ...forgePart('data.tar.zst', tar(list)) } }))
    await expect(restore(digest)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    expectUntouched()
  })
})

function frame(rows: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(payload.length, 0)
  header.writeUInt32LE(rows, 4)
  return Buffer.concat([header, payload])
}

function tar(list: readonly Partial<Header>[]): Buffer {
  const blocks = list.map((entry) => {
    const block = Buffer.alloc(512)
    new Header({ mode: 0o644, size: 0, mtime: new Date(0), uid: 0, gid: 0, ...entry } as ConstructorParameters<typeof Header>[0]).encode(block, 0)
    return block
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}
