import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { PluginEntry, PluginSet } from '../../schemas/plugin-set.ts'
import { newDatabase, type TestDatabase } from '../postgres-server.ts'
import { disguises, leaksBelow, leaksIn } from './leaks.ts'
import { Shop } from './shop.ts'

/*
 * Law 8 as a property: whatever the configs are, and wherever in them secrets are referred to (or written, by mistake), no
 * byte that any command writes or says holds one, in no encoding and in no digest that could be tried against.
 */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  const tables = { files: { 'migrations/sqlite/0001_notes.sql': notes('plg_any__notes'), 'migrations/postgres/0001_notes.sql': notes('plg_any.notes') }, manifest: { migrations: ['0001_notes'], tables: ['notes'] } }
  await shop.release('any', '1.0.0', tables)
  await shop.release('any', '1.1.0', tables)
  await shop.release('numbers', '1.0.0', { manifest: { config: { type: 'object', additionalProperties: { anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'boolean' } }] } } } })
  writeFileSync(join(shop.dir, 'snapshot.pem'), PEM)
})
afterAll(() => shop.close())

const notes = (table: string): string => `-- catalyst: expand\nCREATE TABLE ${table} (id INTEGER PRIMARY KEY);\nINSERT INTO ${table} VALUES (1)`
const PEM = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
const ENV_NAMES = ['CANARY_A', 'CANARY_B']
const FILE_NAMES = ['secrets/one', 'secrets/two.txt']

const secret = fc.string({ unit: fc.constantFrom(...'abcdefXYZ0189+/=_-.:@%&? "\\äß€'), minLength: 14, maxLength: 40 }).filter((s) => s.trim() === s && new Set(s).size > 8 && !s.includes('${'))
const reference = fc.constantFrom(...ENV_NAMES.map((name) => `\${env:${name}}`), ...FILE_NAMES.map((name) => `\${file:${name}}`))
const text = fc.oneof(reference, reference.map((r) => `Bearer ${r}; x`), fc.tuple(reference, reference).map(([a, b]) => `${a}/${b}`))
const key = fc.constantFrom('key', 'token', 'nested', 'list', 'url')
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, text, fc.integer(), fc.boolean(), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(key, tie('value'), { maxKeys: 3 })),
}))
const config = fc.dictionary(key, value, { minKeys: 1, maxKeys: 4 }) as fc.Arbitrary<NonNullable<PluginEntry['config']>>

/** Everything that a store goes through, with the secrets in reach. */
const LIFE = ['lock', 'lock --check', 'plan', 'plan --markdown', 'apply', 'status --check', 'status --snapshot --snapshot-key SNAPSHOT', 'diff', 'why any', 'audit --verify', 'generations', 'outdated']
const AFTER = ['plan', 'apply', 'update any', 'apply', 'rollback', 'plan', 'rollback any --lift', 'apply', 'backups --make', 'backups --verify', 'restore --all --yes', 'rollback --dry-run', 'remove any', 'plan', 'apply --answer any:data=remove --answer any:tables=remove', 'status', 'purge any --yes', 'audit', 'gc --dry-run', 'lease']

async function live(commands: readonly string[], told: string[]): Promise<void> {
  for (const command of commands) {
    const words = command.replace('SNAPSHOT', join(shop.dir, 'snapshot.pem'))
    for (const run of [await shop.run(words), await shop.json(words)]) told.push(run.out, run.err)
  }
}

function put(secrets: readonly string[]): void {
  mkdirSync(join(shop.dir, 'secrets'), { recursive: true })
  ENV_NAMES.forEach((name, i) => (shop.env[name] = secrets[i]))
  FILE_NAMES.forEach((name, i) => writeFileSync(join(shop.dir, name), `${secrets[ENV_NAMES.length + i]}\n`))
}

const isTheirs = (path: string): boolean => path.endsWith('/plugins.yaml') || path.startsWith(join(shop.dir, 'secrets/')) || path.endsWith('snapshot.pem')
/** A config of which everything works, so that the life of the store reaches its end every time. */
const SURE = ['env:first+canary', 'env:second/canary', 'file first canary?', 'file=second&canary']
/** Configs are kept there as plugins.yaml has them, for backups: what is written in clear in git is so here. */
const keepsLiterals = (path: string): boolean => /\/store\.db(-wal)?$|\/plugin-data\/\.backups\//.test(path)
/** Backed up, restored, removed and destroyed: it really came to that. */
const DONE = /any as it was at .*: 1 table, 1 row[^]*✓ any 1\.\d\.0 {2}removed[^]*✓ any 1\.\d\.0 {2}purged/
const four = fc.uniqueArray(secret, { minLength: 4, maxLength: 4 })

/** The store of the next life, from nothing. `after` is what the secrets become half way. Tells each time what leaked. */
async function wholeLife(plugins: Record<string, PluginEntry>, [before, after]: readonly [readonly string[], readonly string[]], odd: Partial<PluginSet>, look: (told: string) => Promise<readonly string[]>): Promise<string> {
  for (const name of ['.catalyst', 'store.db', 'plugins.lock.yaml', 'plugin-data']) rmSync(join(shop.dir, name), { recursive: true, force: true })
  const told: string[] = []
  for (const [commands, secrets] of [[LIFE, before], [AFTER, after]] as const) {
    put(secrets)
    if (commands === LIFE) shop.want(plugins, odd)
    await live(commands, told)
    expect(await look(told.join('\n'))).toEqual([])
  }
  return told.join('\n')
}

test('no command writes or says a secret', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(config, fc.option(config), four, four, secret, async (first, second, before, after, literal) => {
      const secrets = [...before, ...after]
      const told = await wholeLife({ any: { version: '^1.0.0', config: { ...first, literal } }, numbers: second ? { config: second } : {} }, [before, after], {}, async (told) =>
        [...leaksIn('output', told, [...secrets, literal]), ...leaksBelow(shop.dir, secrets, isTheirs), ...leaksBelow(shop.dir, [literal], (path) => isTheirs(path) || keepsLiterals(path))])
      expect(told).toContain('"takenAt"') // the snapshot was really taken
      expect(told).toMatch(DONE)
    }),
    { numRuns: Number(process.env['CANARY_RUNS'] ?? 2), endOnFailure: true, examples: [[{ key: '${env:CANARY_A}', text: 'x ${file:secrets/one} y' }, null, SURE, SURE.map((s) => `${s}-later`), 'written-by-mistake']] },
  )
})

test('nor in PostgreSQL: no row of any table there holds one, and what was done there was really done', { timeout: 300_000 }, async () => {
  const database = await newDatabase()
  try {
    shop.env['DATABASE_URL'] = database.url
    const [before, after] = [SURE, SURE.map((s) => `${s}-later`)]
    const config = { key: '${env:CANARY_A}', text: 'x ${file:secrets/one} y' }
    const told = await wholeLife({ any: { version: '^1.0.0', config }, numbers: {} }, [before, after], { store: { id: 'acme-eu', catalyst: '3.2.0', database: '${env:DATABASE_URL}' } }, async (told) => {
      const secrets = [...before, ...after, database.password]
      return [...leaksIn('output', told, secrets), ...leaksIn('rows', await rowsOf(database), secrets), ...leaksBelow(shop.dir, secrets, isTheirs)]
    })
    expect(told).toMatch(DONE)
    await database.admin.query(`CREATE TABLE planted AS SELECT '${SURE[0]}' AS v`)
    expect(leaksIn('rows', await rowsOf(database), [...before])).not.toEqual([])
  } finally {
    delete shop.env['DATABASE_URL']
    await database.drop()
  }
})

/** Every row of every table that is not the server's own. */
async function rowsOf({ admin }: TestDatabase): Promise<string> {
  const tables = await admin.query<{ name: string }>(`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
  const rows: unknown[] = []
  for (const { name } of tables.rows) rows.push(name, (await admin.query(`SELECT * FROM ${name}`)).rows)
  return JSON.stringify(rows)
}

describe('a leak would be found', () => {
  const SECRET = 'a very+secret/val=ue €'
  const planted = join('.catalyst', 'planted')
  afterEach(() => rmSync(join(shop.dir, planted), { force: true }))

  test.each([...disguises(SECRET)])('%s', (_how, disguise) => {
    mkdirSync(join(shop.dir, '.catalyst'), { recursive: true })
    writeFileSync(join(shop.dir, planted), `before ${disguise} behind`)
    expect(leaksBelow(shop.dir, [SECRET], isTheirs).length).toBeGreaterThan(0)
    expect(leaksIn('output', `x${disguise}y`, [SECRET]).length).toBeGreaterThan(0)
  })

  test.each([0, 1, 2, 3, 4])('in the base64 of a longer text that begins with %i other bytes', (bytes) => {
    const carried = Buffer.from(`${'x'.repeat(bytes)}${SECRET} and more`)
    for (const form of ['base64', 'base64url'] as const) expect(leaksIn('output', `"${carried.toString(form)}"`, [SECRET]).length).toBeGreaterThan(0)
  })

  test('in a packed file, and in a row of a database', () => {
    writeFileSync(join(shop.dir, planted), gzipSync(`{"key":${JSON.stringify(SECRET)}}`))
    expect(leaksBelow(shop.dir, [SECRET], isTheirs).length).toBeGreaterThan(0)
    rmSync(join(shop.dir, planted))
    const db = new DatabaseSync(join(shop.dir, planted))
    db.exec('CREATE TABLE t (v TEXT)')
    db.prepare('INSERT INTO t VALUES (?)').run(JSON.stringify({ deep: SECRET }))
    db.close()
    expect(leaksBelow(shop.dir, [SECRET], isTheirs)).toContainEqual(expect.stringContaining('(rows)'))
  })

  test('nothing is found where nothing is', () => {
    writeFileSync(join(shop.dir, planted), 'nothing to see')
    expect(leaksBelow(shop.dir, [SECRET], isTheirs)).toEqual([])
  })
})
