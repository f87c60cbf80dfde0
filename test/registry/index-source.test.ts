import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BareRepository, git } from '../../examples/world/bare-repository.ts'
import { startWorld, type World } from '../../examples/world/world.ts'
import { folderIndex } from '../../registry/folder-index.ts'
import { gitIndex } from '../../registry/git-index.ts'
import { tufIndex } from '../../registry/tuf-index.ts'
import { serveIndex } from '../../api/serve-index.ts'
import { SignedRegistry } from '../catalog/tuf/signed-registry.ts'
import { createHttp } from '../../registry/http.ts'
import type { IndexSnapshot, IndexSource } from '../../reconciler/ports.ts'
import { entry, indexFiles, line, lines, type Files } from './index-files.ts'
import { refusal } from './refusal.ts'

/** An index that can be written to, behind one of the ports' implementations. */
interface Place {
  readonly source: IndexSource
  /** Writes files; `undefined` takes one away, `link` makes a symbolic link. */
  write(files: Readonly<Record<string, string | undefined | { link: string }>>): Promise<unknown>
}

let dir: string
let world: World
const http = createHttp()
let count = 0
const opened: (() => Promise<void>)[] = []

beforeAll(async () => void (world = await startWorld()))
afterAll(async () => {
  for (const close of opened) await close()
  http.close()
  await world.close()
})
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'index-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const settings = () => ({ name: 'official', cacheDir: join(dir, 'cache'), maxAgeMs: 1000, http, baseDir: dir, retries: { backoffMs: 0 } })

async function writeGit(repository: BareRepository, files: Parameters<Place['write']>[0]): Promise<void> {
  const links = Object.entries(files).flatMap(([path, value]) => (typeof value === 'object' ? [[path, value.link] as const] : []))
  const remove = Object.entries(files).flatMap(([path, value]) => (value === undefined ? [path] : []))
  const plain = Object.fromEntries(Object.entries(files).filter(([, value]) => typeof value === 'string')) as Files
  await repository.commit({ files: plain, remove })
  if (links.length === 0) return
  const rows = links.map(([path, to]) => `M 120000 inline ${path}\ndata ${Buffer.byteLength(to)}\n${to}\n`).join('')
  await git(repository.dir, ['fast-import', '--quiet', '--date-format=raw'], `commit refs/heads/main\ncommitter A <a@b.c> 1767323045 +0000\ndata 1\nx\nfrom refs/heads/main^0\n${rows}`)
}

const PLACES: Record<string, () => Promise<Place>> = {
  'git over http': async () => {
    const index = await world.createIndex({ repository: `catalyst/index-${++count}` })
    return { source: gitIndex({ ...settings(), url: `git+${index.url}` }), write: (files) => writeGit(index.repository.git, files) }
  },
  'git on this machine': async () => {
    const repository = BareRepository.create(join(dir, 'index.git'))
    return { source: gitIndex({ ...settings(), url: 'git+file:./index.git' }), write: (files) => writeGit(repository, files) }
  },
  'a folder': async () => {
    mkdirSync(join(dir, 'mirror'))
    const write: Place['write'] = async (files) => {
      for (const [path, value] of Object.entries(files)) {
        const at = join(dir, 'mirror', path)
        mkdirSync(dirname(at), { recursive: true })
        rmSync(at, { recursive: true, force: true })
        if (typeof value === 'string') writeFileSync(at, value)
        if (typeof value === 'object') symlinkSync(value.link, at)
      }
    }
    return { source: folderIndex({ name: 'official', url: 'file:./mirror', baseDir: dir }), write }
  },
}

PLACES['a signed index over http'] = async () => {
  const registry = await SignedRegistry.open({ files: {} })
  const server = await serveIndex({ root: registry.out })
  opened.push(async () => {
    await server.close(0)
    registry.close()
  })
  return {
    source: tufIndex({ ...settings(), url: server.url, root: registry.root }),
    async write(files) {
      registry.write(files)
      await registry.signed()
      await registry.publish()
    },
  }
}

/** What is wrong, of which plugin, in which file. */
const BAD: readonly (readonly [string, string, string, string | { link: string }])[] = [
  ['an entry with an unknown key', 'unknown-key', 'entries/unknown-key.yaml', `${stringify(entry('unknown-key'))}nope: 1\n`],
  ['an entry for another plugin', 'of-another', 'entries/of-another.yaml', stringify(entry('crm'))],
  ['an entry that is no YAML', 'no-yaml', 'entries/no-yaml.yaml', 'a: [\n'],
  ['an entry with terminal escapes', 'escapes', 'entries/escapes.yaml', `${stringify(entry('escapes'))}"\\e[2J\\e[31mred": 1\n`],
  ['an entry that is too long', 'too-long', 'entries/too-long.yaml', `# ${'x'.repeat(70_000)}\n`],
  ['an entry that is a link', 'linked', 'entries/linked.yaml', { link: 'good.yaml' }],
  ['an entry that is a folder', 'a-folder', 'entries/a-folder.yaml/x', 'x'],
  ['lines that are no JSON', 'bad-json', 'index/ba/d-/bad-json', '{"v":1\n'],
  ['lines for another plugin', 'foreign', 'index/fo/re/foreign', lines([line('crm', '1.0.0')])],
  ['lines in a folder that is a link', 'via-link', 'index/vi', { link: 'go' }],
  ['lines that are a link', 'zz-link', 'index/zz/-l/zz-link', { link: '../../go/od/good' }],
]

describe.each(Object.entries(PLACES))('an index in %s', (name, place) => {
  test('tells its file, entries and lines in file order', async () => {
    const { source, write } = await place()
    await write(indexFiles({ erp: ['1.0.0', '1.2.0', '1.1.0'], ab: ['1.0.0'], seo: ['2.0.0'] }))
    const snapshot = await source.open({})
    expect(source.registry).toBe('official')
    expect(snapshot).toMatchObject({ registry: 'official', freshness: 'fresh', file: { name: 'official' } })
    expect(await snapshot.entry('erp')).toMatchObject({ id: 'erp', publisher: 'acme' })
    expect((await snapshot.lines('erp')).map((l) => l.version)).toEqual(['1.0.0', '1.2.0', '1.1.0'])
    expect(await snapshot.lines('ab')).toHaveLength(1)
    expect(await snapshot.lines('seo')).toHaveLength(1)
    expect(await snapshot.descendsFrom(snapshot.head)).toBe(true)
    await snapshot.close()
  })

  test('does not list what is not there, whatever it is called', async () => {
    const { source, write } = await place()
    await write(indexFiles())
    const snapshot = await source.open({})
    for (const id of ['none', '../registry', 'entries/erp', 'erp/../erp', '__proto__', 'constructor', '', 'ERP', '\u001b[31mred']) {
      expect(await snapshot.entry(id), id).toBeUndefined()
      expect(await snapshot.lines(id), id).toEqual([])
    }
  })

  test('leaves out lines of a version that we do not know', async () => {
    const { source, write } = await place()
    await write({ ...indexFiles(), 'index/3/e/erp': lines([{ v: 2, whatever: true }, line('erp', '1.0.0')]) })
    expect((await (await source.open({})).lines('erp')).map((l) => l.version)).toEqual(['1.0.0'])
  })

  test('has one head as long as nothing changes, and another one after', async () => {
    const { source, write } = await place()
    await write(indexFiles())
    const before = await source.open({})
    expect((await source.open({})).head).toBe(before.head)
    await write({ 'index/3/e/erp': lines([line('erp', '1.0.0'), line('erp', '2.0.0')]) })
    const after = await source.open({})
    expect(after.head).not.toBe(before.head)
    expect((await after.lines('erp')).map((l) => l.version)).toEqual(['1.0.0', '2.0.0'])
    expect(await after.descendsFrom(before.head)).toBe(true)
  })

  test('that changes while it is read never mixes two states', async () => {
    const { source, write } = await place()
    await write(indexFiles())
    const snapshot = await source.open({})
    await write({ 'entries/erp.yaml': stringify(entry('erp', { publisher: 'mallory' })), 'entries/late.yaml': stringify(entry('late')) })
    expect(await snapshot.entry('late')).toBeUndefined()
    // git keeps what was; a folder can only notice.
    if (name === 'a folder') await refusal(() => snapshot.entry('erp'), 'INDEX_INVALID')
    else expect(await snapshot.entry('erp')).toMatchObject({ publisher: 'acme' })
  })

  describe('with bad files among good ones', () => {
    let shared: string
    let snapshot: IndexSnapshot
    beforeAll(async () => {
      shared = dir = mkdtempSync(join(tmpdir(), 'index-'))
      const { source, write } = await place()
      await write({ ...indexFiles({ good: ['1.0.0'] }), ...Object.fromEntries(BAD.map(([, , path, content]) => [path, content])) })
      snapshot = await source.open({})
    })
    afterAll(() => rmSync(shared, { recursive: true, force: true }))

    // What is signed are plain files: a link or a folder in the place of one is not published.
    test.each(name === 'a signed index over http' ? BAD.filter(([, , path, content]) => typeof content === 'string' && !path.endsWith('/x')) : BAD)('says so of %s', async (_, id, path) => {
      const error = await refusal(() => (path.startsWith('entries') ? snapshot.entry(id) : snapshot.lines(id)), 'INDEX_INVALID')
      expect(error.message).not.toMatch(/\u001b/)
      expect(`${error.message} ${error.place?.file ?? ''}`).toContain(id)
    })

    test('reads the good ones', async () => {
      expect(await snapshot.entry('good')).toBeDefined()
      expect(await snapshot.lines('good')).toHaveLength(1)
    })
  })

  test.each([
    ['no registry.yaml', undefined],
    ['a registry.yaml that is wrong', 'kind: Registry\n'],
    ['a registry.yaml that is a link', { link: 'entries/erp.yaml' }],
  ])('with %s cannot be opened', async (_, content) => {
    const { source, write } = await place()
    await write({ ...indexFiles(), 'registry.yaml': undefined })
    if (content !== undefined) await write({ 'registry.yaml': content })
    await refusal(() => source.open({}), 'INDEX_INVALID')
  })
})

describe('an index in a folder', () => {
  const folder = (url = 'file:./mirror') => folderIndex({ name: 'local', url, baseDir: dir })

  test('has the same head wherever it lies, and another when a file is moved', async () => {
    const write = (base: string, files: Files): void => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(base, path)), { recursive: true })
        writeFileSync(join(base, path), text)
      }
    }
    write(join(dir, 'mirror'), indexFiles())
    write(join(dir, 'copy'), indexFiles())
    write(join(dir, 'copy'), { 'artifacts/x.tgz': 'not a part of the index', 'README.md': 'nor this' })
    write(join(dir, 'moved'), { ...indexFiles(), 'entries/crm.yaml': indexFiles()['entries/erp.yaml'] ?? '' })
    const heads = await Promise.all(['mirror', 'copy', 'moved'].map(async (at) => (await folder(`file:./${at}`).open({})).head))
    expect(heads[0]).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(heads[1]).toBe(heads[0])
    expect(heads[2]).not.toBe(heads[0])
  })

  test('that is not there could not be checked: a share may not be mounted', async () => {
    const error = await refusal(() => folder('file:./none').open({}), 'SOURCE_UNREACHABLE')
    expect(error.message).toContain(join(dir, 'none'))
  })

  test('locates its files below itself and nowhere else', () => {
    expect(folder().locate('file:artifacts/a.tgz')).toBe(`file://${dir}/mirror/artifacts/a.tgz`)
    expect(folder('file:///srv/mirror/').locate('file:a.tgz')).toBe('file:///srv/mirror/a.tgz')
    expect(folder().locate('https://x.example/a')).toBe('https://x.example/a')
  })

  test.each(['file:../secret', 'file:a/../../secret', 'file:%2e%2e/secret', 'file:/etc/passwd', 'file://host/share', 'FILE:../x'])('does not locate %s', async (url) => {
    await refusal(() => folder().locate(url), 'FOREIGN_URL')
  })
})
