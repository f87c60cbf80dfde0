import { generateKeyPairSync, sign } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSnapshot } from '../../cli/snapshot.ts'
import { canonicalJson } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { Shop, type Answer } from './shop.ts'

/* A store's state travels signed to machines that plan and cannot reach it: whole, or not at all, and without secrets. */

const keyPair = (): { key: string; pub: string } => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, pub: publicKey.export({ type: 'spki', format: 'pem' }) as string }
}
const ours = keyPair()
const LITERAL = 'hunter2-written-into-plugins-yaml'
const FROM_ENV = 'correct-horse-battery-staple'

let shop: Shop
/** A runner that cannot reach the store: only what git has, and no secret in its environment. */
let runner: string
let snapshot: string

beforeAll(async () => {
  shop = await Shop.open()
  shop.env.DATABASE_URL = `sqlite:${join(shop.dir, 'hidden', 'store.db')}`
  shop.env.API_KEY = FROM_ENV
  mkdirSync(join(shop.dir, 'hidden'))
  shop.write('snapshot.pem', ours.key)
  await shop.release('a', '1.0.0')
  await shop.release('b', '1.0.0')
  want({ a: { version: '^1.0.0', config: { apiKey: '${env:API_KEY}', password: LITERAL } }, b: {} })
  await shop.settle()
  const { exit, out } = await shop.run(`status --snapshot --snapshot-key ${join(shop.dir, 'snapshot.pem')}`)
  expect(exit).toBe(0)
  snapshot = out
  runner = join(shop.dir, 'runner')
  mkdirSync(runner)
})
afterAll(() => shop.close())

function want(plugins: Parameters<Shop['want']>[0], store = 'acme-eu'): void {
  shop.want(plugins, { store: { id: store, catalyst: '3.2.0', database: '${env:DATABASE_URL}' } })
}

/** `plan --observed` on the runner, with what git has now. */
async function planThere(text: string, pub = ours.pub, options = ''): Promise<Answer> {
  for (const name of ['plugins.yaml', 'plugins.lock.yaml']) cpSync(join(shop.dir, name), join(runner, name))
  writeFileSync(join(runner, 'state.json'), text)
  writeFileSync(join(runner, 'snapshot.pub'), pub)
  const args = `-C ${runner} plan --observed ${join(runner, 'state.json')} --observed-key ${join(runner, 'snapshot.pub')} ${options}`.trim()
  const around = { env: { CATALYST_CACHE_DIR: join(runner, '.cache') } }
  return options.includes('--markdown') ? shop.run(args, around) : shop.json(args, around)
}

const codes = ({ exit, problems }: Answer): unknown => ({ exit, codes: problems.map((p) => p.code) })

describe('the plan of a machine that cannot reach the store', () => {
  test('nothing to do there is nothing to do here', async () => {
    expect((await planThere(snapshot, ours.pub, '--detailed-exitcode')).result).toMatchObject({ changes: [], unchanged: 2, generation: 1 })
  })

  test('is the plan of the store itself: one digest, good for apply --expect', async () => {
    await shop.release('b', '1.1.0')
    want({ b: {} })
    expect((await shop.json('update')).exit).toBe(0)
    const { result: here } = await shop.json('plan')
    const { result: there } = await planThere(snapshot)
    expect(there).toEqual(here)
    expect(there.changes.map((c: { action: string; id: string }) => `${c.action} ${c.id}`)).toEqual(['upgrade b', 'remove a'])
  })

  test('says when the state was taken, in the summary too', async () => {
    const { takenAt } = JSON.parse(snapshot)
    expect((await planThere(snapshot, ours.pub, '--markdown')).out).toContain(`as it was at ${takenAt}`)
  })

  test('writes nothing, and needs neither network nor secret', async () => {
    const count = shop.world.log.count()
    await planThere(snapshot)
    const before = readdirSync(runner)
    await planThere(snapshot)
    expect(readdirSync(runner)).toEqual(before)
    expect(before).not.toContain('.catalyst')
    expect(shop.world.log.count()).toBe(count)
  })

  test('a hold travels along', async () => {
    expect((await shop.json('apply')).exit).toBe(0)
    expect((await shop.json('rollback b')).exit).toBe(0)
    const { out } = await shop.run(`status --snapshot --snapshot-key ${join(shop.dir, 'snapshot.pem')}`)
    expect((await planThere(out)).result).toMatchObject({ changes: [], notices: [{ id: 'b', code: 'Held' }] })
  })
})

describe('a snapshot that is not the store’s word', () => {
  const parsed = (): Record<string, unknown> => JSON.parse(snapshot)

  test('law: no leaf of it can change', () => {
    const leaves = paths(parsed()).filter((path) => path[0] !== 'signature')
    const law = fc.property(fc.constantFrom(...leaves), fc.jsonValue(), (path, value) => {
      const altered = withLeaf(parsed(), path, value)
      fc.pre(canonicalJson(altered) !== canonicalJson(parsed()))
      expect(codeOf(() => readSnapshot(JSON.stringify(altered), 'acme-eu', ours.pub))).toBe('SIGNATURE_INVALID')
    })
    fc.assert(law, { numRuns: 200 })
  })

  test('law: no signature but the key’s holds', () => {
    const law = fc.property(fc.oneof(fc.jsonValue(), fc.uint8Array({ minLength: 64, maxLength: 64 }).map((b) => Buffer.from(b).toString('base64'))), (signature) => {
      expect(codeOf(() => readSnapshot(JSON.stringify({ ...parsed(), signature }), 'acme-eu', ours.pub))).toBe('SIGNATURE_INVALID')
    })
    fc.assert(law, { numRuns: 100 })
  })

  test.each([
    ['an installed version lower than it is', (s: string) => s.replace('"version":"1.0.0"', '"version":"0.9.0"')],
    ['an installed plugin left out', (s: string) => { const o = JSON.parse(s); o.observed.store.installs.pop(); return JSON.stringify(o) }],
    ['one more member', (s: string) => s.replace('"formatVersion":1', '"formatVersion":1,"extra":true')],
    ['taken at another time', (s: string) => s.replace(/"takenAt":"[^"]+"/, '"takenAt":"2030-01-01T00:00:00.000Z"')],
    ['without a signature', (s: string) => { const { signature: _, ...o } = JSON.parse(s); return JSON.stringify(o) }],
  ])('%s: exit 5, no plan', async (_what, alter) => {
    expect(alter(snapshot)).not.toBe(snapshot)
    const answer = await planThere(alter(snapshot))
    expect(codes(answer)).toEqual({ exit: 5, codes: ['SIGNATURE_INVALID'] })
    expect(answer.result).toBeNull()
    expect(answer.problems[0]?.hint).toContain('status --snapshot')
  })

  test('signed with another key', async () => {
    expect(codes(await planThere(snapshot, keyPair().pub))).toEqual({ exit: 5, codes: ['SIGNATURE_INVALID'] })
  })

  test('of another store', async () => {
    want({ b: {} }, 'acme-us')
    const answer = await planThere(snapshot)
    expect(codes(answer)).toEqual({ exit: 5, codes: ['IDENTITY_MISMATCH'] })
    expect(answer.problems[0]?.message).toContain('acme-us')
    want({ b: {} })
  })

  test('written by a newer version', async () => {
    const { signature: _, ...body } = { ...parsed(), formatVersion: 2 } as Record<string, unknown>
    const text = JSON.stringify({ ...body, signature: sign(null, Buffer.from(canonicalJson(body)), ours.key).toString('base64') })
    expect(codes(await planThere(text))).toEqual({ exit: 1, codes: ['UNSUPPORTED_FORMAT'] })
  })

  test.each([['nothing', ''], ['no JSON', '{"formatVersion":1,'], ['null', 'null'], ['a list', '[]'], ['a number', '7']])('%s', async (_what, text) => {
    expect(codes(await planThere(text))).toEqual({ exit: 1, codes: ['JSON_SYNTAX'] })
  })
})

describe('keys', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const rsaPem = { key: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, pub: rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string }

  test.each([['of another kind', rsaPem.pub], ['the private one, which has no business there', ours.key], ['no key', 'hello'], ['empty', '']])('checking with %s: USAGE, and how to make a pair', async (_what, pub) => {
    const answer = await planThere(snapshot, pub)
    expect(codes(answer)).toEqual({ exit: 1, codes: ['USAGE'] })
    expect(answer.problems[0]?.hint).toContain('openssl genpkey -algorithm ed25519')
  })

  test.each([['of another kind', rsaPem.key], ['the public one', ours.pub], ['cut off', ours.key.slice(0, 60)]])('signing with %s: USAGE, and not a byte of it is shown', async (_what, key) => {
    shop.write('other.pem', key)
    const answer = await shop.json(`status --snapshot --snapshot-key ${join(shop.dir, 'other.pem')}`)
    expect(codes(answer)).toEqual({ exit: 1, codes: ['USAGE'] })
    for (const line of key.split('\n').filter((l) => l.length > 8 && !l.startsWith('-----'))) expect(answer.out + answer.err).not.toContain(line)
  })

  test('without a key nothing is printed and nothing is believed', async () => {
    expect(await shop.json('status --snapshot')).toMatchObject({ exit: 1, result: null, problems: [{ code: 'USAGE' }] })
    expect(await shop.json(`plan --observed ${join(runner, 'state.json')}`)).toMatchObject({ exit: 1, result: null, problems: [{ code: 'USAGE' }] })
  })

  test('a file that is not there is named', async () => {
    expect((await shop.json(`plan --observed ${join(shop.dir, 'none.json')} --observed-key ${join(shop.dir, 'snapshot.pem')}`)).problems).toMatchObject([{ code: 'FILE_NOT_FOUND', message: expect.stringContaining('none.json') }])
  })
})

test('no secret is in it: not the config, not the database, not the key', () => {
  for (const secret of [LITERAL, FROM_ENV, 'password', 'apiKey', 'hidden', 'DATABASE_URL', ...ours.key.split('\n').filter((l) => l !== '')]) expect(snapshot).not.toContain(secret)
  expect(Object.keys(JSON.parse(snapshot)).sort()).toEqual(['formatVersion', 'observed', 'signature', 'store', 'takenAt'])
})

type Path = readonly (string | number)[]

function paths(value: unknown, at: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [at]
  const inside = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return inside.flatMap(([key, item]) => paths(item, [...at, key]))
}

function withLeaf(value: unknown, path: Path, leaf: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return leaf
  if (Array.isArray(value)) return value.map((item, i) => (i === step ? withLeaf(item, rest, leaf) : item))
  return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, key === step ? withLeaf(item, rest, leaf) : item]))
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    return error instanceof CatalystError ? error.code : String(error)
  }
}
