import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main } from '../../cli/main.ts'
import { startRegistry, type RegistryWorld } from '../builders/registry-world.ts'

/* `catalyst registry lint | ingest | sweep | stats` as a maintainer and a bot run them. */

let registry: RegistryWorld
let root: string
let second = 0
beforeAll(async () => {
  registry = await startRegistry()
  root = join(registry.dir, 'root.json')
})
afterAll(() => registry.close())

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

async function catalyst(...argv: string[]): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []]
  const terminal = { colour: false, interactive: false, width: 100, out: (text: string) => void out.push(text), err: (text: string) => void err.push(text), progress: () => undefined, ask: async () => undefined } as never
  const env = {
    PATH: process.env.PATH, HOME: registry.dir, XDG_STATE_HOME: join(registry.dir, 'state'), CATALYST_CACHE_DIR: join(registry.dir, 'cli-cache'), GITHUB_TOKEN: registry.token,
    CATALYST_GITHUB_API_URL: registry.world.apiUrl, CATALYST_GITHUB_URL: registry.world.url, CATALYST_CATALOG: `sqlite:${join(registry.dir, 'cli.db')}`,
  }
  const exit = await main(['registry', ...argv], terminal, { env, now: () => new Date(Date.parse('2026-11-30T12:00:00Z') + ++second * 1000).toISOString() })
  return { exit, out: out.join('\n'), err: err.join('\n') }
}

function checkout(): string {
  const dir = join(registry.dir, `checkout-${Math.floor(performance.now() * 1000)}`)
  execFileSync('git', ['clone', '--quiet', registry.index.repository.git.dir, dir])
  return dir
}

test('ingest lists what entries allow, stats tell what waits, a sweep with nothing new says so', async () => {
  await registry.publish({ id: 'order-tags', version: '1.0.0' })
  await registry.publish({ id: 'order-notes', version: '1.0.0', manifest: { permissions: { api: ['notes.example'] } } }, { permissions: undefined })
  const ingested = await catalyst('ingest', registry.index.url, '--sigstore', root)
  expect(ingested).toMatchObject({ exit: 0, err: '' })
  expect(ingested.out).toMatch(/^Looked at 2 repositories, 0 unchanged; \d+ requests/)
  expect(ingested.out).toContain('+ order-tags 1.0.0 listed')
  expect(ingested.out).toContain('? order-notes 1.0.0 in review')
  expect(ingested.out).toMatch(/Index lines of 1 plugin committed: [0-9a-f]{12}\./)
  expect(registry.lines('order-tags')).toEqual(['1.0.0'])

  const stats = await catalyst('stats')
  expect(stats.out).toContain('Versions: 1 listed, 1 in review, 0 rejected, 0 withdrawn.')
  expect(stats.out).toContain('  order-notes 1.0.0: host notes.example:443')

  const swept = await catalyst('sweep', registry.index.url, '--sigstore', root, '--json')
  expect(JSON.parse(swept.out)).toMatchObject({ exit: 0, result: { looked: 2, published: { plugins: [] }, counted: 0 }, problems: [] })
})

test('a repository with the topic becomes a proposal and is never listed by itself', async () => {
  await registry.world.publish({ id: 'gift-wrap', version: '1.0.0', repository: 'zoe/catalyst-gift_wrap-plugin' })
  registry.world.github.find('zoe/catalyst-gift_wrap-plugin')!.topics = ['catalyst-plugin']
  const swept = await catalyst('sweep', registry.index.url, '--sigstore', root)
  expect(swept.out).toContain('Proposed by topic: 1')
  expect((await catalyst('stats')).out).toContain('gift-wrap: https://github.com/zoe/catalyst-gift_wrap-plugin')
  expect(registry.lines('gift-wrap')).toEqual([])
  expect((await catalyst('sweep', registry.index.url, '--sigstore', root)).out).not.toContain('Proposed')
})

test('a checkout is ingested into where it lies, its branch moves on and its files with it', async () => {
  await registry.publish({ id: 'order-export', version: '1.0.0' })
  const dir = checkout()
  const ingested = await catalyst('ingest', dir, 'order-export', '--sigstore', root)
  expect(ingested).toMatchObject({ exit: 0 })
  expect(execFileSync('git', ['-C', dir, 'status', '--porcelain']).toString()).toBe('')
  expect(execFileSync('cat', [join(dir, 'index/or/de/order-export')]).toString()).toContain('"version":"1.0.0"')
  expect(registry.lines('order-export')).toEqual(['1.0.0'])
})

test('an id without an entry is named, and nothing is done', async () => {
  const ran = await catalyst('ingest', registry.index.url, 'nobody', 'noone', '--sigstore', root)
  expect(ran.exit).toBe(1)
  expect(ran.err).toContain('UNKNOWN_PLUGIN')
  expect(ran.err).toContain('nobody, noone')
})

describe('lint', () => {
  test('tells all that is wrong with changed entries, each at its place', async () => {
    const published = await registry.world.publish({ id: 'order-tag', version: '1.0.0' })
    const dir = checkout()
    const { id, owner } = published.repository
    writeFileSync(join(dir, 'entries/order-tag.yaml'), `v: 1
id: order-tag
repositories:
  - url: https://github.com/acme/order-tag
    id: ${id + 1}
    ownerId: ${owner.id + 1}
signer:
  workflow: .github/workflows/missing.yml
permissions:
  api: ["*.com", 169.254.169.254]
tier: community
publisher: acme
`)
    writeFileSync(join(dir, 'entries/Bad_Name.yaml'), 'id: x\n')
    writeFileSync(join(dir, 'entries/wrong.yaml'), 'id: other\ntier: gold\n')
    const ran = await catalyst('lint', dir, '--base', 'origin/HEAD', '--json')
    const { result, problems, exit } = JSON.parse(ran.out) as { exit: number; result: { changed: string[] }; problems: { code: string; place?: { file: string; line?: number; column?: number } }[] }
    const found = problems.map(({ code, place }) => `${code} ${place?.file}:${place?.line ?? ''}:${place?.column ?? ''}`)
    expect(found).toEqual(expect.arrayContaining([
      'ENTRY_LOOKALIKE entries/order-tag.yaml:2:5', 'ENTRY_MISMATCH entries/order-tag.yaml:5:9', 'ENTRY_MISMATCH entries/order-tag.yaml:6:14',
      'WORKFLOW_MISSING entries/order-tag.yaml:8:13', 'PERMISSIONS_WIDE entries/order-tag.yaml:10:8', 'INVALID_ID entries/Bad_Name.yaml::', 'INVALID_VALUE entries/wrong.yaml:2:7',
    ]))
    expect(found.filter((text) => text.startsWith('PERMISSIONS_WIDE'))).toHaveLength(2)
    expect(result.changed).toEqual(['order-tag'])
    expect(exit).toBe(1)
  })

  test('a look-alike alone waits for a person (exit 3); merged, it is only a warning', async () => {
    await registry.world.publish({ id: 'orders-tag', version: '1.0.0' })
    const dir = checkout()
    const { repository } = await registry.world.publish({ id: 'orders-tags', version: '1.0.0' })
    const text = `id: orders-tags\nrepositories:\n  - { url: "https://github.com/acme/orders-tags", id: ${repository.id}, ownerId: ${repository.owner.id} }\nsigner: { workflow: .github/workflows/release.yml }\ntier: community\npublisher: acme\n`
    writeFileSync(join(dir, 'entries/orders-tags.yaml'), text)
    const held = await catalyst('lint', dir, '--base', 'origin/HEAD')
    expect(held.exit).toBe(3)
    expect(held.err).toContain('orders-tags could be taken for order-tags')
    const merged = await catalyst('lint', dir)
    expect(merged.exit).toBe(0)
    expect(merged.err).toContain('warning[ENTRY_LOOKALIKE]')
  })

  test('GitHub that cannot be asked is could-not-check (exit 5), and nothing is asked with --offline', async () => {
    const dir = join(registry.dir, 'offline')
    mkdirSync(join(dir, 'entries'), { recursive: true })
    writeFileSync(join(dir, 'registry.yaml'), 'apiVersion: catalyst.dev/v1\nkind: Registry\nname: official\n')
    writeFileSync(join(dir, 'entries/alone.yaml'), 'id: alone\nrepositories:\n  - { url: "https://github.com/acme/alone", id: 1, ownerId: 2 }\nsigner: { workflow: .github/workflows/release.yml }\ntier: community\npublisher: acme\n')
    registry.world.faults.add({ path: '/api/repos/acme/alone' }, { kind: 'status', status: 403 })
    expect(await catalyst('lint', dir)).toMatchObject({ exit: 5 })
    registry.world.log.clear()
    expect(await catalyst('lint', dir, '--offline')).toMatchObject({ exit: 0, out: '1 entry: nothing stands in the way; GitHub was not asked.', err: '' })
    expect(registry.world.log.records).toEqual([])
  })

  test('a folder that is no registry', async () => {
    expect(await catalyst('lint', registry.dir)).toMatchObject({ exit: 1, err: expect.stringContaining('FILE_NOT_FOUND') })
  })
})
