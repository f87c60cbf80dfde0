import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main } from '../../cli/main.ts'
import { GITHUB_ACTIONS_ISSUER } from '../../schemas/common.ts'
import { Shop } from './shop.ts'

async function run(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const exit = await main(args, { out: (t) => void (out += `${t}\n`), err: (t) => void (err += `${t}\n`), colour: false, interactive: false, columns: 80 })
  return { exit, out, err }
}

describe('arguments', () => {
  test('--help lists every command, exit 0', async () => {
    const { exit, out } = await run('--help')
    expect(exit).toBe(0)
    for (const name of ['init', 'add', 'remove', 'lock', 'update', 'outdated', 'why', 'plan', 'diff', 'apply', 'status', 'generations', 'rollback', 'verify', 'gc', 'lease']) expect(out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'))
  })

  test.each([
    ['a command that does not exist, with the one that was meant', ['aply'], /there is no command "aply"[\s\S]*Did you mean `catalyst apply`/],
    ['an option that does not exist', ['plan', '--jso'], /unknown option '--jso'/],
    ['an argument that is missing', ['add'], /missing required argument 'id'/],
    ['two options that exclude each other', ['lock', '--check', '--merge'], /cannot be used with/],
  ])('%s: USAGE, exit 1', async (_what, args, message) => {
    const { exit, err } = await run(...args)
    expect(exit).toBe(1)
    expect(err).toMatch(/^error\[USAGE\]/)
    expect(err).toMatch(message)
    expect(JSON.parse((await run('--json', ...args)).out)).toMatchObject({ formatVersion: 1, exit: 1, problems: [{ code: 'USAGE' }] })
  })
})

describe('a folder without plugins.yaml', () => {
  let dir: string
  beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'catalyst-empty-'))))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  test.each(['add x', 'remove x', 'adopt', 'lock', 'update', 'outdated', 'why x', 'plan', 'apply', 'status', 'generations', 'audit', 'gc', 'lease', 'rollback', 'backups', 'restore x', 'purge x', 'diff'])('%s says how to begin, and makes nothing', async (command) => {
    const { exit, out } = await run('--json', '-C', dir, ...command.split(' '))
    expect(exit).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ command: command.split(' ')[0], exit: 1, problems: [{ code: 'FILE_NOT_FOUND', hint: expect.stringContaining('catalyst init') }] })
    expect(readdirSync(dir)).toEqual([])
  })

  test.each([
    ['--registry ftp://example.org/x', 'INVALID_VALUE'],
    ['--registry file:./r\nplugins: 7', undefined],
    ['--registry file:./a: b #c', undefined],
    ['--id BAD_ID', 'INVALID_ID'],
  ])('init %s', async (line, code) => {
    const at = line.indexOf(' ')
    const folder = mkdtempSync(join(tmpdir(), 'catalyst-init-'))
    const { exit, out } = await run('--json', '-C', folder, 'init', line.slice(0, at), line.slice(at + 1))
    if (code === undefined) expect((await run('-C', folder, 'status')).exit).toBe(0)
    else expect({ exit, problems: JSON.parse(out).problems, files: readdirSync(folder) }).toMatchObject({ exit: 1, problems: [{ code }], files: [] })
    rmSync(folder, { recursive: true })
  })

  test('init writes a first one that every command understands, and never over it', async () => {
    expect((await run('-C', dir, 'init', '--id', 'my-shop')).exit).toBe(0)
    expect((await run('-C', dir, 'init')).err).toContain('exists already')
    expect((await run('-C', dir, 'status')).out).toContain('nothing was applied yet')
    // Customers' data and the backups of it are nothing for git.
    for (const pattern of ['.catalyst/', 'plugin-data/', 'store.db']) expect(readFileSync(join(dir, '.gitignore'), 'utf8').split('\n')).toContain(pattern)
  })
})

describe('verify: exit 0 when proven, 5 for anything else', () => {
  let shop: Shop
  let base: string[]
  beforeAll(async () => {
    shop = await Shop.open()
    const { artifact, bundle } = await shop.world.publish({ id: 'a', version: '1.0.0' })
    writeFileSync(join(shop.dir, 'a.tgz'), artifact.bytes)
    writeFileSync(join(shop.dir, 'a.json'), bundle!.bytes)
    writeFileSync(join(shop.dir, 'b.tgz'), 'other bytes')
    base = ['--json', 'verify', join(shop.dir, 'a.tgz'), '--bundle', join(shop.dir, 'a.json'), '--trusted-root', join(shop.dir, 'root.json')]
  })
  afterAll(() => shop.close())
  const identity = 'https://github.com/acme/a/.github/workflows/release.yml@refs/tags/v1.0.0'

  test('proven', async () => {
    const { exit, out } = await run(...base, '--identity', identity, '--issuer', GITHUB_ACTIONS_ISSUER)
    expect(exit).toBe(0)
    expect(JSON.parse(out).result).toMatchObject({ identity, sourceRepository: 'https://github.com/acme/a' })
  })

  test.each<[string, string[], string]>([
    ['an empty identity', ['--identity', '', '--issuer', GITHUB_ACTIONS_ISSUER], 'IDENTITY_EMPTY'],
    ['no identity at all', [], 'IDENTITY_EMPTY'],
    ['an empty issuer', ['--identity', identity], 'IDENTITY_EMPTY'],
    ['a prefix of the identity', ['--identity', identity.slice(0, -1), '--issuer', GITHUB_ACTIONS_ISSUER], 'IDENTITY_MISMATCH'],
    ['a pattern that would match', ['--identity', '.*', '--issuer', GITHUB_ACTIONS_ISSUER], 'IDENTITY_MISMATCH'],
    ['another issuer', ['--identity', identity, '--issuer', `${GITHUB_ACTIONS_ISSUER}/x`], 'IDENTITY_MISMATCH'],
    ['another source repository', ['--identity', identity, '--issuer', GITHUB_ACTIONS_ISSUER, '--source-repository', 'https://github.com/acme/b'], 'IDENTITY_MISMATCH'],
  ])('%s', async (_what, args, code) => {
    const { exit, out } = await run(...base, ...args)
    expect({ exit, code: JSON.parse(out).problems[0].code }).toEqual({ exit: 5, code })
  })

  test('another file; another root', async () => {
    const good = ['--identity', identity, '--issuer', GITHUB_ACTIONS_ISSUER]
    const other = base.map((a) => a.replace(/a\.tgz$/, 'b.tgz'))
    expect(JSON.parse((await run(...other, ...good)).out)).toMatchObject({ exit: 5, problems: [{ code: 'SUBJECT_MISMATCH' }] })
    expect(JSON.parse((await run(...base.slice(0, -2), ...good)).out)).toMatchObject({ exit: 5, problems: [{ code: 'SIGNATURE_INVALID' }] })
  })
})

describe('a path that cannot be read says why and what to do', () => {
  test.each([
    ['none/here.tgz', 'FILE_NOT_FOUND', /there is no none\/here\.tgz/, /Check the path/],
    ['cli', 'FILE_UNREADABLE', /cli cannot be read \(EISDIR\)/, /It is a folder/],
    ['README.md/x', 'FILE_UNREADABLE', /\(ENOTDIR\)/, /A part of this path is a file/],
  ])('%s', async (path, code, message, hint) => {
    for (const args of [['verify', path, '--bundle', 'package.json'], ['verify', 'package.json', '--bundle', path]]) {
      const { exit, out } = await run('--json', ...args)
      expect({ exit, problems: JSON.parse(out).problems }).toMatchObject({ exit: 1, problems: [{ code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) }] })
    }
  })
})

describe('add', () => {
  let shop: Shop
  beforeAll(async () => {
    shop = await Shop.open()
    await shop.release('plain', '1.2.0')
    await shop.release('asks', '1.0.0', { manifest: { permissions: { api: ['api.example.com:443'], hooks: ['order.placed'] } } })
    shop.want({})
    shop.write('plugins.yaml', shop.read('plugins.yaml').replace('plugins: {}', '# ours\nplugins: {} # none yet'))
  })
  afterAll(() => shop.close())

  test('a plugin that asks for nothing is added and locked; comments stay', async () => {
    expect(await shop.json('add plain')).toMatchObject({ exit: 0, result: { changes: [{ id: 'plain', to: '1.2.0' }] } })
    expect(shop.read('plugins.yaml')).toContain('# ours')
    expect(shop.read('plugins.yaml')).toContain('version: ^1.2.0')
  })

  test('one that asks is shown, and nothing is written without consent', async () => {
    const before = shop.read('plugins.yaml')
    expect(await shop.json('add asks')).toMatchObject({ exit: 3, result: { asks: { api: ['api.example.com:443'], hooks: ['order.placed'] }, written: false } })
    expect((await shop.run('add asks')).out).toContain('network              api.example.com:443')
    expect(shop.read('plugins.yaml')).toBe(before)
  })

  test('with --yes the permissions are written as asked', async () => {
    expect((await shop.json('add asks --yes')).exit).toBe(0)
    expect(shop.read('plugins.yaml')).toMatch(/permissions:[\s\S]*api\.example\.com:443[\s\S]*order\.placed/)
    expect((await shop.json('apply')).exit).toBe(0)
  })

  test.each([
    ['add plain', 'CONTRADICTION'],
    ['add no-such', 'UNKNOWN_PLUGIN'],
    ['add Bad_Id', 'INVALID_ID'],
    ['add con', 'RESERVED_ID'],
    ['remove nothing', 'UNKNOWN_PLUGIN'],
    ['update nothing', 'UNKNOWN_PLUGIN'],
    ['why nothing', 'UNKNOWN_PLUGIN'],
    ['rollback nothing', 'NOT_INSTALLED'],
    ['rollback --to 99', 'GENERATION_UNKNOWN'],
    ['rollback --to x', 'USAGE'],
  ])('%s: %s', async (command, code) => {
    const before = [shop.read('plugins.yaml'), shop.read('plugins.lock.yaml')]
    const { exit, problems } = await shop.json(command)
    expect({ exit, code: problems[0]?.code }).toEqual({ exit: 1, code })
    expect([shop.read('plugins.yaml'), shop.read('plugins.lock.yaml')]).toEqual(before)
  })
})

test('an exact pin moves only when it is named, and is written as a pin again', async () => {
  const shop = await Shop.open()
  await shop.release('a', '1.0.0')
  shop.want({ a: { version: '1.0.0' } })
  await shop.settle()
  await shop.release('a', '1.1.0')
  expect((await shop.json('update')).result.changes).toEqual([])
  expect((await shop.json('update a')).result.changes).toMatchObject([{ id: 'a', from: '1.0.0', to: '1.1.0' }])
  expect(shop.read('plugins.yaml')).toMatch(/version: "?1\.1\.0"?/)
  await shop.release('a', '2.0.0')
  expect((await shop.json('update a')).result.changes).toEqual([])
  expect((await shop.json('update a --latest')).result.changes).toMatchObject([{ id: 'a', to: '2.0.0' }])
  await shop.close()
})
