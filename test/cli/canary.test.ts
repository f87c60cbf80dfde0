import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { PluginEntry } from '../../schemas/plugin-set.ts'
import { disguises, leaksBelow, leaksIn } from './leaks.ts'
import { Shop } from './shop.ts'

/*
 * Law 8 as a property: whatever the configs are, and wherever in them secrets are referred to (or written, by mistake), no
 * byte that any command writes or says holds one, in no encoding and in no digest that could be tried against.
 */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('any', '1.0.0')
  await shop.release('any', '1.1.0')
  await shop.release('numbers', '1.0.0', { manifest: { config: { type: 'object', additionalProperties: { anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'boolean' } }] } } } })
  writeFileSync(join(shop.dir, 'snapshot.pem'), PEM)
})
afterAll(() => shop.close())

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
const AFTER = ['plan', 'apply', 'update any', 'apply', 'rollback', 'plan', 'rollback any --lift', 'apply', 'remove any', 'apply', 'gc --dry-run', 'lease']

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
const four = fc.uniqueArray(secret, { minLength: 4, maxLength: 4 })

test('no command writes or says a secret', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(config, fc.option(config), four, four, secret, async (first, second, before, after, literal) => {
      for (const name of ['.catalyst', 'store.db', 'plugins.lock.yaml']) rmSync(join(shop.dir, name), { recursive: true, force: true })
      const told: string[] = []
      put(before)
      shop.want({ any: { version: '^1.0.0', config: { ...first, literal } }, ...(second ? { numbers: { config: second } } : {}) })
      const secrets = [...before, ...after]
      const look = (): void => {
        expect([...leaksIn('output', told.join('\n'), [...secrets, literal]), ...leaksBelow(shop.dir, secrets, isTheirs), ...leaksBelow(shop.dir, [literal], (path) => isTheirs(path) || keepsLiterals(path))]).toEqual([])
      }
      await live(LIFE, told)
      look()
      put(after)
      await live(AFTER, told)
      expect(told.join('\n')).toContain('"takenAt"') // the snapshot was really taken
      look()
    }),
    { numRuns: Number(process.env['CANARY_RUNS'] ?? 2), endOnFailure: true, examples: [[{ key: '${env:CANARY_A}', text: 'x ${file:secrets/one} y' }, null, SURE, SURE.map((s) => `${s}-later`), 'written-by-mistake']] },
  )
})

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
