import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { publishLines } from '../../../catalog/ingest/publish-lines.ts'
import type { BotRepository } from '../../../registry/git-bot.ts'
import { openBotRepository } from '../../../registry/git-bot.ts'
import { startRegistry, type RegistryWorld } from '../../builders/registry-world.ts'

/* Everything that a publisher, a server or a network may do to the bot: each has a code, is told once, and nothing is lost. */

let registry: RegistryWorld
let id: string
let count = 0
beforeAll(async () => void (registry = await startRegistry()))
afterAll(() => registry.close())
beforeEach(() => void (id = `shop-${++count}`))
afterEach(() => registry.world.faults.clear())

const codes = async (version: string) => (await registry.store.verdict(id, version))?.evidence.problems.map(({ code }) => code)
const openBot = () => openBotRepository({ address: registry.index.url, cacheDir: join(registry.dir, 'cache'), env: process.env, token: registry.token, webUrl: registry.world.url })

/** The same repository, but for what a test says. */
function instead(real: BotRepository, odd: Partial<BotRepository>): BotRepository {
  return { refresh: () => real.refresh(), resolve: (r) => real.resolve(r), list: (c, f) => real.list(c, f), read: (ids) => real.read(ids), file: (c, p) => real.file(c, p), publish: (p, c) => real.publish(p, c), ...odd }
}

describe('GitHub that does not answer as it should is could-not-check: no verdict, no alarm, looked at again', () => {
  test.each<[string, Parameters<RegistryWorld['world']['faults']['add']>[1], string]>([
    ['403 without a reason', { kind: 'status', status: 403 }, 'UNAUTHORIZED'],
    ['500', { kind: 'status', status: 500 }, 'SOURCE_UNREACHABLE'],
    ['502 with a page of HTML', { kind: 'status', status: 502 }, 'SOURCE_UNREACHABLE'],
    ['200 with a page of HTML', { kind: 'status', status: 200, body: '<html>' }, 'SOURCE_UNREACHABLE'],
    ['200 with another JSON', { kind: 'alter', change: () => Buffer.from('{"message":"hello"}') }, 'SOURCE_UNREACHABLE'],
    ['half a body', { kind: 'truncate' }, 'SOURCE_UNREACHABLE'],
    ['a shorter body', { kind: 'shorten' }, 'SOURCE_UNREACHABLE'],
    ['a dropped connection', { kind: 'drop' }, 'SOURCE_UNREACHABLE'],
  ])('%s', async (_name, fault, code) => {
    const { repository } = await registry.publish({ id, version: '1.0.0' })
    registry.world.faults.add({ path: `/api/repositories/${repository.id}/releases`, times: Number.POSITIVE_INFINITY }, fault)
    const report = await registry.pass()
    expect(report.troubles.map((t) => t.code)).toEqual([code])
    expect(await registry.store.verdict(id, '1.0.0')).toBeUndefined()
    expect((await registry.store.alarms({ id }, {})).items).toEqual([])
    registry.world.faults.clear()
    expect((await registry.pass()).verdicts.listed).toEqual([`${id} 1.0.0`])
  })

  test.each<[string, Parameters<RegistryWorld['world']['faults']['add']>[1]]>([
    ['429', { kind: 'rate-limit', status: 429 }],
    ['403 with an empty budget', { kind: 'rate-limit' }],
    ['403 with retry-after', { kind: 'secondary-rate-limit', retryAfterS: 3600 }],
  ])('%s ends the pass with what is done kept, and the next goes on', async (_name, fault) => {
    const { repository } = await registry.publish({ id, version: '1.0.0' })
    registry.world.faults.add({ path: `/api/repositories/${repository.id}/` }, fault)
    const report = await registry.pass()
    expect(report.stopped?.reason).toContain('takes no more requests')
    expect((await registry.pass()).verdicts.listed).toEqual([`${id} 1.0.0`])
  })

  test('an artifact that cannot be downloaded is no bad release', async () => {
    await registry.publish({ id, version: '1.0.0' })
    registry.world.faults.add({ path: `${id}-1.0.0.tgz`, times: 1 }, { kind: 'status', status: 502 })
    expect((await registry.pass()).troubles.map(({ message }) => message)).toEqual([expect.stringContaining(`${id} 1.0.0: `)])
    expect((await registry.pass()).verdicts.listed).toEqual([`${id} 1.0.0`])
  })
})

test('a sweep stops before the reserve of the budget is touched, and the next one goes on where it stopped', async () => {
  const lonely = await startRegistry()
  try {
    for (const name of ['one', 'two', 'three', 'four']) await lonely.publish({ id: `plugin-${name}`, version: '1.0.0' })
    await lonely.pass()
    for (const name of ['one', 'two', 'three', 'four']) await lonely.publish({ id: `plugin-${name}`, version: '1.1.0' })
    lonely.world.rateLimit.reset()
    lonely.world.rateLimit.limits = { anonymous: 60, authenticated: 8 }
    const seen: string[] = []
    const now = () => new Date().toISOString()
    const first = await lonely.pass('sweep', { reserve: 4, now })
    expect(first.stopped).toMatchObject({ reason: expect.stringContaining('hour’s budget') })
    seen.push(...first.verdicts.listed)
    lonely.world.rateLimit.reset()
    lonely.world.rateLimit.limits = { anonymous: 60, authenticated: 5000 }
    const second = await lonely.pass('sweep', { now })
    seen.push(...second.verdicts.listed)
    expect(second.stopped).toBeUndefined()
    expect(seen.sort()).toEqual(['plugin-four 1.1.0', 'plugin-one 1.1.0', 'plugin-three 1.1.0', 'plugin-two 1.1.0'])
    expect(first.looked + second.looked).toBe(4)
  } finally {
    await lonely.close()
  }
})

describe('a release that is', () => {
  test.each<[string, object, string]>([
    ['a bomb of a manifest', { files: { 'manifest.json': '['.repeat(200_000) } }, 'JSON_SYNTAX'],
    ['a manifest over its limit', { files: { 'manifest.json': `{"id":"${'x'.repeat(300_000)}"}` } }, 'FILE_TOO_LARGE'],
    ['a bomb of an archive', { artifact: gzipSync(Buffer.alloc(200_000_000)) }, 'ARCHIVE_TOO_LARGE'],
    ['no archive', { artifact: Buffer.from('hello') }, 'ARCHIVE_INVALID'],
    ['signed tomorrow', { at: new Date(Date.now() + 86_400_000) }, 'CLOCK_SKEW'],
    ['altered after it was signed', { alter: (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')]) }, 'SUBJECT_MISMATCH'],
  ])('%s', async (_name, odd, code) => {
    await registry.publish({ id, version: '1.0.0', ...odd })
    await registry.publish({ id, version: '1.1.0' })
    const { troubles } = await registry.pass()
    if (code === 'CLOCK_SKEW') expect(troubles.map((t) => t.code)).toEqual([code])
    else expect(await codes('1.0.0')).toEqual([code])
    expect(registry.lines(id)).toEqual(['1.1.0'])
  })

  test('another plugin’s, in the repository of its own publisher', async () => {
    const victim = await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    const thief = `${id}-thief`
    await registry.publish({ id: thief, version: '1.0.0' })
    await registry.world.publish({ id, version: '2.0.0', repository: `acme/${thief}` })
    await registry.world.publish({ id: thief, version: '2.0.0', repository: `acme/${thief}`, artifact: victim.artifact.bytes, tag: 'v2.0.0' })
    await registry.pass('sweep')
    expect(registry.lines(id)).toEqual(['1.0.0'])
    expect(registry.lines(thief)).toEqual(['1.0.0'])
    expect((await registry.store.verdict(thief, '2.0.0'))?.evidence.problems.map(({ code }) => code)).toEqual(['MANIFEST_MISMATCH'])
  })

  test('tagged with what is no version is none of ours, and a draft is not there yet', async () => {
    const { repository } = await registry.publish({ id, version: '1.0.0' })
    for (const tag of ['latest', 'v1', 'v1.0', '1.0.0', 'v01.0.0', 'v1.0.0.0', 'release/1.0.0', 'v9.9.9 ', `v${'9'.repeat(300)}.0.0`, 'v1.0.0-\u202e', '../../v2.0.0']) {
      registry.world.github.createRelease(repository, { tag, commit: 'a'.repeat(40), assets: [{ name: `${id}-1.0.0.tgz`, bytes: Buffer.from('x') }] })
    }
    await registry.world.publish({ id, version: '3.0.0', draft: true })
    const report = await registry.pass()
    expect(report.troubles.filter(({ message }) => message.startsWith(id))).toEqual([])
    expect((await registry.store.verdictsOf(id)).map(({ version }) => version)).toEqual(['1.0.0'])
  })
})

test('5,000 releases in one repository: the newest thousand are read, of those without a bundle eight a pass are judged until each was, others are not held up', async () => {
  const { repository, commit } = await registry.publish({ id, version: '1.0.0' })
  const assets = (version: string) => [{ name: `${id}-${version}.tgz`, bytes: Buffer.from(version) }]
  const releases = Array.from({ length: 5_000 }, (_, n) => `2.0.${n}`)
  for (const version of releases.slice(0, 32)) writeFileSync(join(repository.git.dir, 'refs/tags', `v${version}`), `${commit}\n`)
  repository.releases = [...repository.releases, ...releases.toReversed().map((version, n) => ({ ...registry.world.github.createRelease({ ...repository, releases: [] }, { tag: `v${version}`, commit, at: new Date(Date.UTC(2026, 2, 1) + n * 1000), assets: n >= 4_968 ? assets(version) : [] }), createdAt: new Date(Date.UTC(2026, 2, 1) + n * 1000) }))]
  const other = `${id}-other`
  await registry.publish({ id: other, version: '1.0.0' })
  registry.world.log.clear()
  const report = await registry.pass()
  expect(registry.lines(other)).toEqual(['1.0.0'])
  expect(report.verdicts.rejected).toHaveLength(8)
  expect(registry.world.log.records.filter((r) => JSON.stringify(r).includes('/attestations/'))).toHaveLength(8)
  expect(registry.world.log.records.filter((r) => JSON.stringify(r).includes(`/repositories/${repository.id}/releases`)).length).toBe(10)
  for (let pass = 2; pass <= 4; pass++) expect((await registry.pass()).verdicts.rejected).toHaveLength(8)
  expect((await registry.store.verdictsOf(id)).filter(({ verdict }) => verdict === 'rejected')).toHaveLength(32)
  expect(await registry.store.repository(repository.id)).toMatchObject({ trouble: undefined, wantedSince: undefined })
})

describe('git', () => {
  test('that others push to meanwhile: the commit is made anew on theirs, and theirs stays', async () => {
    await registry.publish({ id, version: '1.0.0' })
    const real = await openBot()
    let races = 3
    const racing: BotRepository = instead(real, {
      publish: async (...args: Parameters<BotRepository['publish']>) => {
        if (races-- > 0) await registry.index.commit({ files: { 'README.md': `pushed meanwhile ${races}` } })
        return real.publish(...args)
      },
    })
    await registry.pass('wanted', { repository: racing })
    expect(registry.lines(id)).toEqual(['1.0.0'])
    expect(registry.file('README.md')).toBe('pushed meanwhile 0')
    expect(races).toBe(-1)
  })

  test('that takes no push: a code, nothing lost, and the next pass brings it in', async () => {
    await registry.publish({ id, version: '1.0.0' })
    const hook = join(registry.index.repository.git.dir, 'hooks/pre-receive')
    execFileSync('mkdir', ['-p', join(registry.index.repository.git.dir, 'hooks')])
    writeFileSync(hook, '#!/bin/sh\necho "protected branch: token ghp_abcdefghijklmnop123456" >&2\nexit 1\n')
    chmodSync(hook, 0o755)
    const error = await registry.pass().catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'PUSH_REJECTED' })
    expect(String(error)).not.toContain('ghp_abcdefghijklmnop123456')
    expect(await registry.store.verdict(id, '1.0.0')).toMatchObject({ verdict: 'listed' })
    rmSync(hook)
    await registry.pass()
    expect(registry.lines(id)).toEqual(['1.0.0'])
  })

  test('and a bot that may not push, or has no token, is told so', async () => {
    await registry.publish({ id, version: '1.0.0' })
    const reader = registry.world.github.createToken({ write: false })
    for (const token of [reader, undefined]) {
      const repository = await openBotRepository({ address: registry.index.url, cacheDir: join(registry.dir, `cache-${token}`), env: process.env, token, webUrl: registry.world.url })
      await expect(registry.pass('wanted', { repository })).rejects.toMatchObject({ code: 'PUSH_REJECTED' })
    }
    await registry.pass()
    expect(registry.lines(id)).toEqual(['1.0.0'])
  })

  test.each([['entries/evil.yaml'], ['registry.yaml'], ['index/../entries/evil.yaml'], ['index/sh/op/shop\nM 100644 inline entries/evil.yaml'], ['index/'], ['.github/workflows/x.yml'], ['index/sh/op/Shop']])('the bot writes nothing outside index/: %j', async (path) => {
    const repository = await openBot()
    const head = await repository.refresh()
    await expect(repository.publish(head, { files: new Map([[path, Buffer.from('x')]]), message: 'x', at: registry.now() })).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(registry.index.head).toBe(head)
  })

  test('of a process that was killed between verdict and push: the next pass brings the lines in', async () => {
    await registry.publish({ id, version: '1.0.0' })
    const real = await openBot()
    const dying: BotRepository = instead(real, { publish: () => Promise.reject(new Error('killed')) })
    await expect(registry.pass('wanted', { repository: dying })).rejects.toThrow('killed')
    expect(registry.lines(id)).toEqual([])
    const report = await registry.pass()
    expect(report.verdicts.listed).toEqual([])
    expect(registry.lines(id)).toEqual(['1.0.0'])
    expect((await publishLines(registry.store, real, registry.now())).commit).toBeUndefined()
  })
})

describe('one plugin’s index file that cannot be read', () => {
  const file = () => `index/sh/op/${id}`
  test('stops no other: theirs are published, an alarm tells, and once mended it goes on', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    const good = registry.file(file())!
    await registry.index.commit({ files: { [file()]: good + good } })
    const other = `${id}-other`
    await registry.publish({ id: other, version: '1.0.0' })
    await registry.store.yank(id, '1.0.0', 'broken', { by: 'maintainer:ana', at: registry.now() })
    const report = await registry.pass()
    expect(registry.lines(other)).toEqual(['1.0.0'])
    expect(report.published.held).toMatchObject([{ id, code: 'INDEX_INVALID' }])
    expect(report.troubles.length).toBeGreaterThan(0)
    expect((await registry.store.alarms({ id }, {})).items).toMatchObject([{ kind: 'index-unreadable', closedAt: undefined }])
    for (let pass = 0; pass < 12; pass++) await registry.pass()
    expect(registry.file(file())).toBe(good + good)
    await registry.index.commit({ files: { [file()]: good } })
    expect((await registry.pass()).published.held).toEqual([])
    expect(registry.file(file())).toContain('broken')
    expect((await registry.store.alarms({ id }, {})).items).toMatchObject([{ kind: 'index-unreadable', closedAt: registry.now() }])
  })

  test('keeps no other plugin of the same repository from being looked at', async () => {
    const repository = `acme/${id}-mono`
    // In either order of their names.
    const others = [`${id}-a`, `${id}-z`]
    for (const name of [id, ...others]) await registry.publish({ id: name, version: '1.0.0', repository, tag: `${name}@1.0.0` })
    await registry.pass()
    const good = registry.file(file())!
    await registry.index.commit({ files: { [file()]: good + good } })
    for (const name of others) await registry.publish({ id: name, version: '1.1.0', repository, tag: `${name}@1.1.0` })
    const report = await registry.pass('sweep')
    expect(others.map((name) => registry.lines(name))).toEqual([['1.0.0', '1.1.0'], ['1.0.0', '1.1.0']])
    expect(report.troubles.map(({ code }) => code)).toContain('INDEX_INVALID')
    await registry.index.commit({ files: { [file()]: good } })
    expect((await registry.pass()).troubles.map(({ code }) => code)).not.toContain('INDEX_INVALID')
  })

  test('saves it from no kill list, and others neither', async () => {
    const other = `${id}-other`
    for (const name of [id, other]) await registry.publish({ id: name, version: '1.0.0' })
    await registry.pass()
    const good = registry.file(file())!
    const killed = (name: string) => [`entries/${name}.yaml`, `${registry.file(`entries/${name}.yaml`)!}killed:\n  reason: steals cards\n`] as const
    await registry.index.commit({ files: { [file()]: good + good, ...Object.fromEntries([killed(id), killed(other)]) } })
    await registry.pass()
    for (const name of [id, other]) expect(await registry.store.verdict(name, '1.0.0')).toMatchObject({ verdict: 'withdrawn' })
    expect(registry.file(`index/sh/op/${other}`)).toContain('steals cards')
    await registry.index.commit({ files: { [file()]: good } })
    await registry.pass()
    expect(registry.file(file())).toContain('steals cards')
  })

  test('is not made by two tags of one version: the second is refused, the next release comes in', async () => {
    for (const version of ['1.0.0', '1.0.0+1', '1.1.0']) await registry.publish({ id, version })
    const report = await registry.pass()
    expect(report.verdicts.rejected.filter((subject) => subject.startsWith(`${id} 1.0.0`))).toHaveLength(1)
    expect(registry.lines(id)).toHaveLength(2)
    await registry.publish({ id, version: '1.2.0' })
    await registry.pass('wanted', { ids: [id] })
    expect(registry.lines(id)).toContain('1.2.0')
  })

  test('lines of a newer format are carried on', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    const newer = '{"v":2,"id":"x","news":true}\n'
    await registry.index.commit({ files: { [file()]: newer + registry.file(file())! } })
    await registry.publish({ id, version: '1.1.0' })
    await registry.pass('wanted', { ids: [id] })
    expect(registry.lines(id)).toEqual(['1.0.0', '1.1.0'])
    expect(registry.file(file())).toContain(newer)
  })
})
