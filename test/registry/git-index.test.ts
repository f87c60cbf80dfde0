import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BareRepository } from '../../examples/world/bare-repository.ts'
import type { IndexRepository } from '../../examples/world/index-repository.ts'
import { startWorld, type World } from '../../examples/world/world.ts'
import { tokenFor } from '../../registry/credentials.ts'
import { gitObjects } from '../../registry/git.ts'
import { gitIndex, type GitIndexSettings } from '../../registry/git-index.ts'
import { createHttp } from '../../registry/http.ts'
import { cachePaths } from '../../registry/paths.ts'
import { indexFiles, line, lines } from './index-files.ts'
import { refusal } from './refusal.ts'
import { startServer } from './server.ts'

const HOUR_MS = 3_600_000

let world: World
let dir: string
let index: IndexRepository
let clock: number
let count = 0
const http = createHttp({ idleMs: 60_000 })

beforeAll(async () => void (world = await startWorld()))
afterAll(async () => {
  http.close()
  await world.close()
})
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'git-index-'))
  clock = Date.parse('2026-11-22T12:00:00Z')
  index = await world.createIndex({ repository: `catalyst/git-${++count}` })
  await index.commit({ files: indexFiles() })
  world.log.clear()
})
afterEach(() => {
  world.faults.clear()
  rmSync(dir, { recursive: true, force: true })
})

function source(odd: Partial<GitIndexSettings> = {}) {
  return gitIndex({ name: 'official', url: `git+${index.url}`, cacheDir: dir, maxAgeMs: 24 * HOUR_MS, http, now: () => clock, retries: { backoffMs: 0, sleep: async () => undefined }, ...odd })
}

const mirror = (): string => cachePaths(dir).mirror(index.url)
const addVersion = (version: string): Promise<string> => index.commit({ files: { 'index/3/e/erp': lines([line('erp', '1.0.0'), line('erp', version)]) } })
const versions = async (odd: Partial<GitIndexSettings> = {}): Promise<string[]> => (await (await source(odd).open({})).lines('erp')).map((l) => l.version)

describe('a git index over HTTP', () => {
  test('costs two small requests when nothing is new', async () => {
    await source().open({})
    world.log.clear()
    await source().open({})
    expect(world.log.records.map((r) => r.method)).toEqual(['GET', 'POST'])
    expect(world.log.records.reduce((sum, r) => sum + r.bytes, 0)).toBeLessThan(1000)
  })

  test('costs two requests when there is no mirror yet, whatever its branch is called', async () => {
    await source().open({})
    expect(world.log.records.map((r) => r.method)).toEqual(['GET', 'POST'])
    const head = await addVersion('2.0.0')
    const snapshot = await source().open({})
    expect(snapshot.head).toBe(head)
  })

  test('fetches only what is new', async () => {
    await index.commit({ files: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`index/pl/ug/plugin-${n}`, 'x'.repeat(9_000) + n])) })
    await source().open({})
    const first = Math.max(...world.log.records.map((r) => r.bytes))
    await addVersion('2.0.0')
    world.log.clear()
    expect(await versions()).toEqual(['1.0.0', '2.0.0'])
    expect(world.log.count()).toBe(4)
    const second = Math.max(...world.log.records.map((r) => r.bytes))
    expect(second).toBeLessThan(first / 2)
  })

  test('keeps its mirror where only this user can look', async () => {
    await source().open({})
    expect(statSync(mirror()).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(mirror(), 'objects/pack')).map((name) => name.split('.')[1]).sort()).toEqual(['idx', 'pack'])
  })

  test('reads another branch when it is named', async () => {
    await index.repository.git.commit({ branch: 'next', files: indexFiles({ erp: ['3.0.0'] }) })
    expect(await versions({ url: `git+${index.url}#next` })).toEqual(['3.0.0'])
    expect(await versions()).toEqual(['1.0.0', '1.1.0'])
    const error = await refusal(() => source({ url: `git+${index.url}#none` }).open({}), 'NOT_FOUND')
    expect(error.message).toContain('none')
  })

  test('may be opened by many at once into one mirror', async () => {
    const opened = await Promise.all([source(), source(), source()].map((s) => s.open({})))
    expect(new Set(opened.map((s) => s.head)).size).toBe(1)
    expect(await versions()).toEqual(['1.0.0', '1.1.0'])
  })

  test('is made anew when it has become many packs, and keeps nothing else', async () => {
    await source().open({})
    for (let n = 0; n < 41; n++) writeFileSync(join(mirror(), `objects/pack/pack-${String(n).padStart(40, '0')}.pack`), '')
    await addVersion('2.0.0')
    expect(await versions()).toEqual(['1.0.0', '2.0.0'])
    expect(readdirSync(join(mirror(), 'objects/pack'))).toHaveLength(2)
    expect(readdirSync(join(dir, 'git'))).toHaveLength(1)
  })

  test('has no files of its own to locate', async () => {
    expect(source().locate('https://github.com/a/b')).toBe('https://github.com/a/b')
    for (const url of ['file:artifacts/x.tgz', 'file:///etc/passwd', 'FILE:x']) await refusal(() => source().locate(url), 'FOREIGN_URL')
  })

  test('with a password in its URL is refused without showing it', async () => {
    const error = await refusal(() => source({ url: 'git+https://user:secret@host.example/x.git' }), 'INVALID_VALUE')
    expect(error.message + error.hint).not.toContain('secret')
  })

  test('without commits says so', async () => {
    const empty = await world.github.createRepository(`catalyst/empty-${count}`)
    await refusal(() => source({ url: `git+${world.url}/catalyst/${empty.name}.git` }).open({}), 'NOT_FOUND')
  })
})

describe('history', () => {
  test('that goes on from the head in the lock is taken', async () => {
    const known = index.head ?? ''
    await addVersion('2.0.0')
    await addVersion('3.0.0')
    const snapshot = await source({ knownHead: known }).open({})
    expect(await snapshot.descendsFrom(known)).toBe(true)
    expect(await snapshot.descendsFrom('f'.repeat(40))).toBe(false)
    expect(await Promise.all([known, index.head ?? '', 'f'.repeat(40)].map((head) => snapshot.descendsFrom(head)))).toEqual([true, true, false])
  })

  test('is followed through merges', async () => {
    const repository = index.repository.git.dir
    const env = { ...process.env, GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b.c', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b.c' }
    const run = (...args: string[]): string => execFileSync('git', ['--git-dir', repository, ...args], { env }).toString().trim()
    const [left, tree] = [index.head ?? '', run('rev-parse', 'main^{tree}')]
    const right = run('commit-tree', tree, '-m', 'side')
    run('update-ref', 'refs/heads/main', run('commit-tree', tree, '-p', left, '-p', right, '-m', 'merge'))
    const snapshot = await source().open({})
    expect(await Promise.all([left, right].map((head) => snapshot.descendsFrom(head)))).toEqual([true, true])
  })

  test('that was rewritten is refused, with both heads', async () => {
    const known = index.head ?? ''
    await source().open({})
    await index.rewriteHistory()
    const error = await refusal(() => source({ knownHead: known }).open({}), 'INDEX_REWRITTEN')
    expect(error.message).toContain(known)
    expect(error.message).toContain(index.head)
  })

  test('that was set back to before the head in the lock is refused', async () => {
    const old = index.head ?? ''
    const known = await addVersion('2.0.0')
    await source().open({})
    execFileSync('git', ['--git-dir', index.repository.git.dir, 'update-ref', 'refs/heads/main', old])
    await refusal(() => source({ knownHead: known }).open({}), 'INDEX_REWRITTEN')
  })

  test('cannot be compared with the digest of a folder: that registry has moved', async () => {
    expect(await (await source({ knownHead: `sha256:${'a'.repeat(64)}` }).open({})).descendsFrom(`sha256:${'b'.repeat(64)}`)).toBe(true)
  })
})

describe('a server that cannot be asked', () => {
  const down = (): unknown => world.faults.add({ path: '/catalyst/git-', times: Infinity }, { kind: 'drop' })

  test.each([
    ['is down', { kind: 'drop' }],
    ['answers 500', { kind: 'status', status: 500 }],
    ['limits its rate', { kind: 'secondary-rate-limit' }],
    ['shows a page of somebody else', { kind: 'status', status: 200, body: '<html>log in to the hotel network</html>' }],
    ['sends an altered answer', { kind: 'alter', change: () => Buffer.from('0004zzzz') }],
  ] as const)('and %s: an earlier copy is used, and said to be one', async (_, fault) => {
    const fresh = await source().open({})
    world.faults.add({ path: '/catalyst/git-', times: Infinity }, fault)
    clock += HOUR_MS
    const cached = await source().open({})
    expect(cached.freshness).toBe('cached')
    expect(cached.head).toBe(fresh.head)
    expect((await cached.lines('erp')).map((l) => l.version)).toEqual(['1.0.0', '1.1.0'])
  })

  test('and was never asked before is an error', async () => {
    down()
    const error = await refusal(() => source().open({}), 'SOURCE_UNREACHABLE')
    expect(error.message).toContain(index.url)
  })

  test('longer than allowed makes the copy stale', async () => {
    await source().open({})
    down()
    clock += 24 * HOUR_MS + 1
    const error = await refusal(() => source().open({}), 'INDEX_STALE')
    expect(error.message).toContain('2026-11-22T12:00:00.000Z')
  })

  test('when the clock was set back a day: the age of the copy is not known', async () => {
    await source().open({})
    down()
    clock -= 24 * HOUR_MS
    const error = await refusal(() => source().open({}), 'INDEX_STALE')
    expect(error.message).toContain('clock')
  })

  test('still must not have rewritten its history', async () => {
    await source().open({})
    down()
    await refusal(() => source({ knownHead: 'f'.repeat(40) }).open({}), 'INDEX_REWRITTEN')
  })

  test('because we are offline is not asked', async () => {
    await refusal(() => source({ offline: true }).open({}), 'SOURCE_UNREACHABLE')
    await source().open({})
    world.log.clear()
    expect((await source({ offline: true }).open({})).freshness).toBe('cached')
    expect(world.log.count()).toBe(0)
  })

  test.each([
    [404, 'NOT_FOUND'],
    [401, 'UNAUTHORIZED'],
  ] as const)('because it says %i is an error: that is an answer', async (status, code) => {
    await source().open({})
    world.faults.add({ path: '/catalyst/git-', times: Infinity }, { kind: 'status', status })
    await refusal(() => source().open({}), code)
  })

  test.each([
    ['truncated', { kind: 'truncate' }],
    ['dropped', { kind: 'drop' }],
    ['answered with 503', { kind: 'status', status: 503 }],
  ] as const)('at first, because the pack was %s, is asked again', async (_, fault) => {
    world.faults.add({ path: 'git-upload-pack', method: 'POST', times: 2 }, fault)
    expect(await versions()).toEqual(['1.0.0', '1.1.0'])
  })

  test.each([
    ['altered on the way', { kind: 'alter' }],
    ['cut short', { kind: 'shorten' }],
  ] as const)('because its pack is %s, leaves nothing behind that would be believed', async (_, fault) => {
    const off = world.faults.add({ path: 'git-upload-pack', method: 'POST', times: Infinity }, fault)
    await expect(source().open({})).rejects.toMatchObject({ code: expect.stringMatching(/^(SOURCE_UNREACHABLE|INDEX_INVALID)$/) })
    off()
    expect(await versions()).toEqual(['1.0.0', '1.1.0'])
  })
})

describe('a cache', () => {
  test('that has no room for the mirror is an error with its place', async () => {
    writeFileSync(join(dir, 'file'), '')
    const error = await refusal(() => source({ cacheDir: join(dir, 'file', 'cache') }).open({}), 'FILE_UNREADABLE')
    expect(error.message).toContain(join(dir, 'file'))
  })

  // Root may write everywhere but on a file system that is mounted read-only, which only root can mount.
  test.runIf(process.getuid?.() === 0)('that is read-only still serves the mirror in it, and says READ_ONLY where one is missing', async () => {
    const disk = join(dir, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk])
    try {
      await source({ cacheDir: disk }).open({})
      execFileSync('mount', ['-o', 'remount,ro', disk])
      expect(await versions({ cacheDir: disk })).toEqual(['1.0.0', '1.1.0'])
      await addVersion('2.0.0')
      await refusal(() => source({ cacheDir: disk }).open({}), 'READ_ONLY')
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

describe('a mirror that somebody altered', () => {
  const packed = (type: 'pack' | 'idx'): string => join(mirror(), 'objects/pack', readdirSync(join(mirror(), 'objects/pack')).find((name) => name.endsWith(type)) ?? '')
  const oid = (path: string): string => execFileSync('git', ['--git-dir', index.repository.git.dir, 'rev-parse', `main:${path}`]).toString().trim()

  test('so that one file stands for another is noticed, and made anew on the next pass', async () => {
    await index.commit({ files: indexFiles({ erp: ['1.0.0', '1.1.0'], crm: ['9.0.0'] }) })
    await source().open({})
    writeFileSync(packed('idx'), swapped(readFileSync(packed('idx')), oid('index/3/e/erp'), oid('index/3/c/crm')))
    const snapshot = await source({ offline: true }).open({})
    const error = await refusal(() => snapshot.lines('erp'), 'INDEX_INVALID')
    expect(error.message).toContain(oid('index/3/e/erp'))
    expect(await versions()).toEqual(['1.0.0', '1.1.0'])
  })

  test('beyond reading is made anew at once', async () => {
    await source().open({})
    const bytes = readFileSync(packed('pack'))
    writeFileSync(packed('pack'), bytes.map((byte, at) => (at < 12 ? byte : byte ^ 1)))
    await refusal(() => source({ offline: true }).open({}), 'INDEX_INVALID')
    expect(await versions()).toEqual(['1.0.0', '1.1.0'])
  })
})

/** A pack index (gitformat-pack(5), version 2) in which two objects have changed places. */
function swapped(idx: Buffer, one: string, other: string): Buffer {
  const copy = Buffer.from(idx)
  const count = idx.readUInt32BE(8 + 255 * 4)
  const names = 8 + 1024
  const offset = (oid: string): number => names + count * 24 + 4 * ((idx.indexOf(Buffer.from(oid, 'hex'), names) - names) / 20)
  copy.writeUInt32BE(idx.readUInt32BE(offset(other)), offset(one))
  copy.writeUInt32BE(idx.readUInt32BE(offset(one)), offset(other))
  return copy
}

describe('a token', () => {
  test('opens a private index, and is needed for it', async () => {
    const repository = await world.github.createRepository(`catalyst/private-${count}`, { private: true })
    await repository.git.commit({ files: indexFiles() })
    const url = `git+${world.url}/catalyst/private-${count}.git`
    const token = world.github.createToken()
    await refusal(() => source({ url }).open({}), 'UNAUTHORIZED')
    expect(await versions({ url, credentials: tokenFor(token, { apiUrl: world.apiUrl, webUrl: world.url }) })).toEqual(['1.0.0', '1.1.0'])
  })

  test('is not shown to another host that the server redirects to', async () => {
    const other = await startServer((_, response) => void response.writeHead(404).end())
    world.faults.add({ path: 'info/refs' }, { kind: 'redirect', to: `${other.url}/x/info/refs?service=git-upload-pack` })
    const credentials = tokenFor(world.github.createToken(), { apiUrl: world.apiUrl, webUrl: world.url })
    await refusal(() => source({ credentials }).open({}), 'NOT_FOUND')
    expect(world.log.records[0]?.authorized).toBe(true)
    expect(other.asked.map((a) => a.authorization)).toEqual([undefined])
    await other.close()
  })

  test.each(['https://github.com.evil.example/a/info/refs', 'http://github.com/a/info/refs', 'https://github.com:8443/a/info/refs', 'https://objects.githubusercontent.com/a', 'https://github.com/a/b/releases/download/v1/a.tgz'])('is not for %s', (url) => {
    expect(tokenFor('ghp_x')(new URL(url))).toBeUndefined()
  })

  test('is for GitHub: as Bearer for its API, as Basic for its git', () => {
    expect(tokenFor('ghp_x')(new URL('https://api.github.com/repos/a/b'))).toBe('Bearer ghp_x')
    expect(tokenFor('ghp_x')(new URL('https://github.com/a/b.git/info/refs?service=git-upload-pack'))).toBe(`Basic ${btoa('x-access-token:ghp_x')}`)
  })
})

describe('a renamed repository', () => {
  test('is followed', async () => {
    world.github.rename(index.repository, `catalyst/renamed-${count}`)
    expect(await versions({ url: `git+${world.url}/catalyst/git-${count}.git` })).toEqual(['1.0.0', '1.1.0'])
  })
})

describe('a repository on this machine', () => {
  const run = (cwd: string, ...args: string[]): string => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], { cwd, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim()
  const local = (path: string, odd: Partial<GitIndexSettings> = {}) => source({ url: `git+file:${path}`, baseDir: dir, ...odd })
  const snapshotOf = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).sort()

  test('is read in place: nothing is copied and nothing in it changes', async () => {
    run(dir, 'clone', '-q', index.repository.git.dir, 'clone')
    const before = snapshotOf(join(dir, 'clone'))
    const snapshot = await local('./clone').open({})
    expect((await snapshot.lines('erp')).map((l) => l.version)).toEqual(['1.0.0', '1.1.0'])
    expect(snapshot.head).toBe(index.head)
    expect(snapshotOf(join(dir, 'clone'))).toEqual(before)
    expect(readdirSync(dir)).toEqual(['clone'])
  })

  test('is found by URL, by path, as a linked worktree and with packed refs', async () => {
    run(dir, 'clone', '-q', index.repository.git.dir, 'clone')
    run(join(dir, 'clone'), 'worktree', 'add', '-q', '../tree', '-b', 'side')
    run(join(dir, 'clone'), 'pack-refs', '--all')
    run(join(dir, 'clone'), 'gc', '-q')
    for (const url of [`git+file://${dir}/clone`, `git+file:${dir}/clone/.git`, join(dir, 'clone'), 'git+file:./tree', `git+file:./clone#side`]) {
      expect(await versions({ url, baseDir: dir }), url).toEqual(['1.0.0', '1.1.0'])
    }
  })

  test('is always as it is now', async () => {
    const at = index.repository.git.dir
    expect(await versions({ url: at })).toEqual(['1.0.0', '1.1.0'])
    await addVersion('2.0.0')
    expect(await versions({ url: at })).toEqual(['1.0.0', '2.0.0'])
  })

  test('that is not there, empty or without the branch says so', async () => {
    BareRepository.create(join(dir, 'empty.git'))
    await refusal(() => local('./none').open({}), 'SOURCE_UNREACHABLE')
    await refusal(() => local('./empty.git').open({}), 'INDEX_INVALID')
    await refusal(() => local(`${index.repository.git.dir}#none`).open({}), 'INDEX_INVALID')
  })

  test('with an object that was altered on disk is not believed', async () => {
    run(dir, 'clone', '-q', '--no-hardlinks', index.repository.git.dir, 'clone')
    const blob = run(join(dir, 'clone'), 'rev-parse', 'HEAD:entries/erp.yaml')
    const at = join(dir, 'clone/.git/objects', blob.slice(0, 2), blob.slice(2))
    const other = run(join(dir, 'clone'), 'rev-parse', 'HEAD:registry.yaml')
    const bytes = readFileSync(join(dir, 'clone/.git/objects', other.slice(0, 2), other.slice(2)))
    rmSync(at)
    writeFileSync(at, bytes)
    const snapshot = await local('./clone').open({})
    const error = await refusal(() => snapshot.entry('erp'), 'INDEX_INVALID')
    expect(error.message).toContain(blob)
  })

  test('that is shallow cannot prove descent, and says how it could', async () => {
    const known = index.head ?? ''
    await addVersion('2.0.0')
    await addVersion('3.0.0')
    run(dir, 'clone', '-q', '--depth', '1', `file://${index.repository.git.dir}`, 'shallow')
    expect(await versions({ url: 'git+file:./shallow', baseDir: dir })).toEqual(['1.0.0', '3.0.0'])
    const error = await refusal(() => local('./shallow', { knownHead: known }).open({}), 'INDEX_REWRITTEN')
    expect(error.hint).toContain('--unshallow')
  })
})

test('objects that were worked out are remembered, also in packs that somebody else wrote', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'catalyst-pack-'))
  const git = (...args: string[]): string => execFileSync('git', ['-C', dir, '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], { encoding: 'utf8' }).trim()
  git('init', '-q')
  const oids = Array.from({ length: 12 }, (_, i) => {
    writeFileSync(join(dir, 'file'), Array.from({ length: 300 }, (_, n) => `line ${n} ${n === i ? 'changed' : ''}`).join('\n'))
    git('add', 'file')
    git('commit', '-qm', String(i))
    return git('rev-parse', 'HEAD:file')
  })
  git('repack', '-adfq', '--depth=50')
  const cache = {}
  const objects = gitObjects(join(dir, '.git'), 'x', cache)
  for (const oid of oids) expect(Buffer.from(await objects.read(oid, 'blob')).toString()).toContain('changed')
  const [packs] = Object.getOwnPropertySymbols(cache).map((symbol) => (cache as Record<symbol, Map<string, Promise<{ offsetCache: object }>>>)[symbol])
  const [pack] = await Promise.all(packs?.values() ?? [])
  // All but the very first, before which there was no pack to tell.
  expect(Object.keys(pack?.offsetCache ?? {}).length).toBeGreaterThanOrEqual(oids.length - 1)
  rmSync(dir, { recursive: true })
})
