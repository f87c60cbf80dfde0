import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type BotRepository, openBotRepository } from '../../registry/git-bot.ts'

/* The registry's git repository as two passes on one machine use it: one folder in the cache, two writers. */

const base = mkdtempSync(join(tmpdir(), 'catalyst-bot-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

const git = (cwd: string, ...args: string[]): string => execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@y', ...args], { cwd }).toString().trim()
let dir: string
let bare: string
let count = 0
beforeEach(() => {
  dir = join(base, String(++count))
  const work = join(dir, 'work')
  bare = join(dir, 'registry.git')
  mkdirSync(work, { recursive: true })
  git(work, 'init', '-q', '-b', 'main')
  writeFileSync(join(work, 'registry.yaml'), 'x\n')
  git(work, 'add', '.')
  git(work, 'commit', '-qm', 'x')
  git(dir, 'clone', '-q', '--bare', work, bare)
})

const open = (): Promise<BotRepository> => openBotRepository({ address: `file://${bare}`, cacheDir: join(dir, 'cache'), env: process.env, webUrl: 'https://github.com' })
const at = '2026-11-30T12:00:00Z'
const cached = (): string => join(dir, 'cache/bot', readdirSync(join(dir, 'cache/bot'))[0] ?? '')

test('of two passes at once one has pushed what it says, the other has raced: never one the other’s lines', async () => {
  const [a, b] = [await open(), await open()]
  for (let round = 0; round < 8; round++) {
    const head = await a.refresh()
    const name = `pa${String.fromCharCode(97 + round)}q`
    const publish = (bot: BotRepository, path: string) => bot.publish(head, { files: new Map([[path, Buffer.from(path)]]), message: 'x\n', at })
    const paths = ['a', 'b'].map((end) => `index/pa/${name.slice(2)}/${name}${end}`)
    const ends = await Promise.all([publish(a, paths[0]!), publish(b, paths[1]!)])
    expect(ends.filter(({ kind }) => kind === 'pushed')).toHaveLength(1)
    const now = await a.refresh()
    for (const [n, end] of ends.entries()) expect((await a.file(now, paths[n]!)) !== undefined).toBe(end.kind === 'pushed')
  }
})

test('a commit leaves no name behind, also one that was refused', async () => {
  const bot = await open()
  const head = await bot.refresh()
  await bot.publish(head, { files: new Map([['index/pa/qa/paqa', Buffer.from('x')]]), message: 'x\n', at })
  expect(await bot.publish(head, { files: new Map([['index/pa/qa/paqb', Buffer.from('x')]]), message: 'x\n', at })).toEqual({ kind: 'raced' })
  expect(git(cached(), 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
})

describe('a file', () => {
  test('that is there, and one that is not', async () => {
    const bot = await open()
    const head = await bot.refresh()
    expect(Buffer.from((await bot.file(head, 'registry.yaml'))!).toString()).toBe('x\n')
    for (const path of ['entries/sms.yaml', 'registry.yaml/x', 'index/pa/qa/paqa']) expect(await bot.file(head, path)).toBeUndefined()
  })

  test('is not absent because git cannot tell: a commit or contents that are lost', async () => {
    const bot = await open()
    const head = await bot.refresh()
    await expect(bot.file('f'.repeat(40), 'registry.yaml')).rejects.toMatchObject({ code: 'INDEX_INVALID' })
    const blob = git(bare, 'rev-parse', `${head}:registry.yaml`)
    rmSync(join(bare, 'objects', blob.slice(0, 2), blob.slice(2)), { force: true })
    const local = await openBotRepository({ address: bare, cacheDir: join(dir, 'cache'), env: process.env, webUrl: 'https://github.com' })
    await expect(local.file(head, 'registry.yaml')).rejects.toMatchObject({ code: 'INDEX_INVALID' })
  })
})
