import fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import git from 'isomorphic-git'
import http from 'isomorphic-git/http/node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { BareRepository } from '../../../examples/world/bare-repository.ts'
import type { IndexRepository } from '../../../examples/world/index-repository.ts'
import { startWorld } from '../../../examples/world/world.ts'
import type { World } from '../../../examples/world/world.ts'
import { IndexLine } from '../../../schemas/index-line.ts'
import { RegistryEntry, RegistryFile } from '../../../schemas/registry-entry.ts'
import { obeys } from '../../../schemas/validate.ts'

describe('an index repository', () => {
  let world: World
  let index: IndexRepository
  let dir: string
  const file = (path: string, from = index.head ?? ''): Promise<string> =>
    git.readBlob({ fs, gitdir: index.repository.git.dir, oid: from, filepath: path }).then(({ blob }) => Buffer.from(blob).toString())
  const linesOf = async (path: string): Promise<IndexLine[]> => (await file(path)).trim().split('\n').map((line) => JSON.parse(line) as IndexLine)

  beforeAll(async () => {
    world = await startWorld()
    dir = await mkdtemp(join(tmpdir(), 'world-test-'))
    index = await world.createIndex()
  })
  afterAll(async () => {
    await world.close()
    await rm(dir, { recursive: true, force: true })
  })

  test('what it writes agrees with our schemas, and with the release', async () => {
    const manifest = { permissions: { api: ['api.stripe.com'], database: ['orders'] }, dependencies: { templates: '^1.0.0' }, compatibility: { catalyst: '^3.0.0' } }
    const release = await world.publish({ id: 'stripe-payments', version: '2.1.0', manifest, at: new Date('2025-05-06T07:08:09Z') })
    await index.list([release])
    expect(obeys(RegistryFile, parse(await file('registry.yaml')))).toBe(true)
    const entry = parse(await file('entries/stripe-payments.yaml')) as RegistryEntry
    const [line] = await linesOf('index/st/ri/stripe-payments')
    expect([obeys(RegistryEntry, entry), obeys(IndexLine, line)]).toEqual([true, true])
    expect(obeys(IndexLine, { ...line, extra: 1 })).toBe(false)
    expect(line).toMatchObject({ version: '2.1.0', commit: release.commit, publishedAt: '2025-05-06T07:08:09Z', dependencies: { templates: '^1.0.0' }, platform: '^3.0.0', permissions: { api: ['api.stripe.com:443'], database: { orders: 'read' } } })
    expect([line?.artifact, line?.bundle].map((f) => [f?.sha256, f?.size])).toEqual([release.artifact, release.bundle].map((f) => [f?.sha256, f?.size]))
    expect(entry.repositories[0]).toEqual({ url: 'https://github.com/acme/stripe-payments', id: release.repository.id, ownerId: release.repository.owner.id })
  })

  test('further versions join the file; a listing can differ from what the release deserves', async () => {
    const [a, b] = await Promise.all(['1.0.0', '1.1.0'].map((version) => world.publish({ id: 'ga', version })))
    if (a) await index.list([a])
    if (b) await index.list([b], { line: { permissions: { admin: true, api: [], database: {}, filesystem: {}, hooks: [] } }, entry: { tier: 'official' } })
    expect((await linesOf('index/2/ga')).map(({ version, permissions }) => [version, permissions.admin])).toEqual([['1.0.0', false], ['1.1.0', true]])
    expect(parse(await file('entries/ga.yaml'))).toMatchObject({ tier: 'official' })
    await index.amend('ga', (line) => (line.version === '1.0.0' ? { ...line, yanked: { reason: 'broken' } } : line))
    expect((await linesOf('index/2/ga'))[0]).toMatchObject({ yanked: { reason: 'broken' } })
  })

  test('text that is no YAML and no JSON stands as it is given', async () => {
    await index.commit({ entries: { odd: 'id: [' }, lines: { odd: ['{"v":2}', 'not json'] }, files: { 'entries/ünï "q".yaml': 'x' } })
    expect(await file('index/3/o/odd')).toBe('{"v":2}\nnot json\n')
    expect(await file('entries/ünï "q".yaml')).toBe('x')
    await index.commit({ remove: ['entries/odd.yaml', 'index/3'] })
    await expect(file('index/3/o/odd')).rejects.toThrow()
  })

  test('isomorphic-git clones it and fetches only what is new', async () => {
    const at = { fs, http, dir: join(dir, 'clone'), url: index.url, cache: {} }
    await git.clone({ ...at, noCheckout: true })
    world.log.clear()
    const head = await index.commit({ files: { 'entries/new.yaml': 'id: new\n' } })
    const { fetchHead } = await git.fetch(at)
    expect(fetchHead).toBe(head)
    expect(world.log.find({ path: 'git-upload-pack', method: 'POST' }).at(-1)?.bytes).toBeLessThan(2000)
    expect(await git.isDescendent({ ...at, oid: head, ancestor: await git.resolveRef({ ...at, ref: 'HEAD' }) })).toBe(true)
  })

  test('a rewritten history does not descend from what was there, though it says the same', async () => {
    const before = index.head ?? ''
    const lines = await file('index/2/ga')
    const after = await index.rewriteHistory()
    expect(index.head).toBe(after)
    expect(await file('index/2/ga')).toBe(lines)
    expect(await git.log({ fs, gitdir: index.repository.git.dir, ref: 'main' })).toHaveLength(1)
    expect(before).not.toBe(after)
    await index.commit({ parent: before, files: { 'entries/back.yaml': 'x' } })
    expect((await git.log({ fs, gitdir: index.repository.git.dir, ref: 'main' }))[1]?.oid).toBe(before)
  })

  test('hundreds of files in one commit are one process', async () => {
    const repository = BareRepository.create(join(dir, 'many.git'))
    const files = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`index/${i % 50}/plugin-${i}`, `{"v":1,"n":${i}}\n`]))
    const [first, second] = await Promise.all([repository.commit({ files }), repository.commit({ files: { 'index/0/plugin-0': 'changed\n' } })])
    const [head, parent] = await git.log({ fs, gitdir: repository.dir, ref: 'main' })
    expect([head?.oid, parent?.oid]).toEqual([second, first])
  })
})
