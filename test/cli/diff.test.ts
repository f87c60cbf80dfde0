import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planMarkdown, markdownNote } from '../../cli/render/plan-markdown.ts'
import type { Plan } from '../../schemas/plan.ts'
import { Shop, type Answer } from './shop.ts'

/* What changed between two revisions in git, by real `git` repositories, for a runner that knows nothing of the store. */

let shop: Shop
let first: string
let second: string
beforeAll(async () => {
  shop = await Shop.open()
  shop.write('.gitignore', '.catalyst/\nstore.db*\n.cache/\n.state/\n')
  git('init', '-q', '-b', 'main')
  await shop.release('a', '1.0.0')
  await shop.release('b', '1.0.0', { manifest: { dependencies: { a: '^1.0.0' } } })
  shop.want({ a: {}, b: {} })
  expect((await shop.json('lock')).exit).toBe(0)
  first = commit('a and b')
  await shop.release('a', '1.1.0')
  await shop.release('c', '2.0.0', { manifest: { permissions: { hooks: ['order.placed'] } } })
  shop.want({ a: { config: { colour: 'red' } }, c: { permissions: { hooks: ['order.placed'] } } })
  expect((await shop.json('update')).exit).toBe(0)
  second = commit('c for b')
})
afterAll(() => shop.close())

function git(...args: string[]): string {
  const env = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@localhost', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@localhost' }
  return execFileSync('git', args, { cwd: shop.dir, env, encoding: 'utf8' }).trim()
}

function commit(message: string): string {
  git('add', '-A')
  git('commit', '-q', '-m', message)
  return git('rev-parse', 'HEAD')
}

const told = ({ result }: Answer): string[] => result.changes.map((c: { action: string; id: string; from?: { version: string }; to?: { version: string } }) => [c.action, c.id, c.from?.version, c.to?.version].filter(Boolean).join(' '))

const CHANGES = ['upgrade a 1.0.0 1.1.0', 'install c 2.0.0', 'remove b 1.0.0']

describe('the changes between two revisions', () => {
  test('against the commit before, by its id', async () => {
    const answer = await shop.json(`diff ${first}`)
    expect(answer.exit).toBe(0)
    expect(told(answer)).toEqual(CHANGES)
  })

  test('against HEAD, the default: nothing, and in the working tree what is not committed yet', async () => {
    expect(told(await shop.json('diff'))).toEqual([])
    const before = shop.read('plugins.yaml')
    shop.write('plugins.yaml', before.replace('red', 'blue'))
    expect(told(await shop.json('diff'))).toEqual(['configure a 1.1.0 1.1.0'])
    shop.write('plugins.yaml', before)
  })

  test('against a branch, a tag, an annotated tag, a remote branch, packed refs, and backwards', async () => {
    git('branch', 'old', first)
    git('tag', 'v1', first)
    git('tag', '-a', '-m', 'one', 'v1-annotated', first)
    git('update-ref', 'refs/remotes/origin/main', first)
    for (const base of ['old', 'v1', 'v1-annotated', 'origin/main', 'refs/remotes/origin/main']) expect([base, told(await shop.json(`diff ${base}`))]).toEqual([base, CHANGES])
    git('pack-refs', '--all')
    for (const base of ['old', 'v1', 'v1-annotated', 'origin/main']) expect([base, told(await shop.json(`diff ${base}`))]).toEqual([base, CHANGES])
    git('checkout', '-q', '--detach', first)
    expect(told(await shop.json(`diff ${second}`))).toEqual(['downgrade a 1.1.0 1.0.0', 'install b 1.0.0', 'remove c 2.0.0'])
    git('checkout', '-q', 'main')
  })

  test('a store in a folder of the repository, and in a linked worktree', async () => {
    const folder = join(shop.dir, 'stores', 'eu')
    mkdirSync(folder, { recursive: true })
    for (const name of ['plugins.yaml', 'plugins.lock.yaml']) writeFileSync(join(folder, name), shop.read(name))
    const third = commit('a second store')
    writeFileSync(join(folder, 'plugins.yaml'), shop.read('plugins.yaml').replace('red', 'green'))
    expect(told(await shop.json(`-C ${folder} diff ${third}`))).toEqual(['configure a 1.1.0 1.1.0'])
    expect(told(await shop.json(`-C ${folder} diff ${second}`))).toEqual(['install a 1.1.0', 'install c 2.0.0'])
    git('checkout', '-q', '--', '.')
    const tree = mkdtempSync(join(tmpdir(), 'catalyst-worktree-'))
    git('worktree', 'add', '-q', join(tree, 'w'), second)
    expect(told(await shop.json(`-C ${join(tree, 'w')} diff ${first}`))).toEqual(CHANGES)
    rmSync(tree, { recursive: true, force: true })
  })

  test('needs no store, no network and no secret, and writes nothing', async () => {
    const count = shop.world.log.count()
    await shop.json(`diff ${first}`, { env: { CATALYST_CACHE_DIR: join(shop.dir, '.nothing') } })
    expect(shop.world.log.count()).toBe(count)
    expect(git('status', '--porcelain', '--ignored')).not.toMatch(/\.catalyst|store\.db|\.nothing/)
  })

  test('it says what it compared with, and that nobody looked at the store', async () => {
    expect((await shop.run(`diff ${first}`)).out).toContain(`Compared with the lock at ${first}; what is really installed was not looked at.`)
    const { out } = await shop.run('diff old --markdown')
    expect(out).toContain('### Plugin plan for `acme-eu`')
    expect(out).toContain('| upgrade | `a` | 1.0.0 | 1.1.0 |')
    expect(out).toContain('may now `hooks order.placed`')
    expect(out).toContain('Compared with the lock at old;')
  })
})

describe('bases that cannot be compared with', () => {
  test.each([['a branch that is not here', 'origin/none'], ['a commit that is not here', 'd'.repeat(40)], ['an option in disguise', './../etc'], ['a file', 'plugins.yaml']])('%s is named, with the next step', async (_what, base) => {
    const { exit, problems, result } = await shop.json(`diff ${base}`)
    expect({ exit, codes: problems.map((p) => p.code), result }).toEqual({ exit: 5, codes: ['NOT_FOUND'], result: null })
    expect(problems[0]?.message).toContain(base)
    expect(problems[0]?.hint).toContain('fetch')
  })

  test('a lock there that was edited: nothing is compared with it', async () => {
    git('checkout', '-q', '-b', 'edited', first)
    shop.write('plugins.lock.yaml', shop.read('plugins.lock.yaml').replace('tag: v1.0.0', 'tag: v9.9.9'))
    const edited = commit('by hand')
    git('checkout', '-q', 'main')
    expect((await shop.json(`diff ${edited}`)).problems).toMatchObject([{ code: 'LOCK_EDITED', place: { file: expect.stringContaining(edited) } }])
  })

  test('a link in place of the file, and a file whose contents were not fetched', async () => {
    git('checkout', '-q', '-b', 'odd', 'main')
    rmSync(join(shop.dir, 'plugins.lock.yaml'))
    symlinkSync('/etc/passwd', join(shop.dir, 'plugins.lock.yaml'))
    const linked = commit('a link')
    rmSync(join(shop.dir, 'plugins.lock.yaml'))
    shop.write('plugins.lock.yaml', '# not fetched\n')
    const missing = commit('a blob that will be missing')
    const blob = git('rev-parse', `${missing}:plugins.lock.yaml`)
    rmSync(join(shop.dir, '.git', 'objects', blob.slice(0, 2), blob.slice(2)))
    git('checkout', '-q', '-f', 'main')
    for (const base of [linked, missing]) expect((await shop.json(`diff ${base}`)).problems).toMatchObject([{ code: 'FILE_UNREADABLE', message: expect.stringContaining(base), hint: expect.stringContaining('fetch-depth: 0') }])
  })

  test('a folder without git', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'catalyst-no-git-'))
    for (const name of ['plugins.yaml', 'plugins.lock.yaml']) writeFileSync(join(dir, name), shop.read(name))
    const { exit, problems } = await shop.json(`-C ${dir} diff main`)
    expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: ['SOURCE_UNREACHABLE'] })
    rmSync(dir, { recursive: true, force: true })
  })
})

describe('markdown holds foreign text', () => {
  const evil = '`|<img src=x onerror=alert(1)>\n### Approved ✅\n\u001b[31m'
  const digest = `sha256:${'0'.repeat(64)}` as const
  const side = { version: '1.0.0', entryDigest: digest, tree: digest, enabled: true, configDigest: digest, grantDigest: digest, signer: evil, source: evil, permissions: { database: {}, api: [], filesystem: {}, hooks: [], admin: false } }
  const hostile: Plan = {
    formatVersion: 1, store: 'acme', generation: 1, unchanged: 0, planDigest: digest,
    changes: [{ id: 'a', action: 'upgrade', from: side, to: { ...side, version: '2.0.0' }, reason: evil, group: 1, destructive: false, reversible: true, effects: { permissionsAdded: [evil], permissionsDropped: [], migrations: [], tables: [], keeps: [], destroys: [], notes: [`signer: ${evil} -> ${evil}`] } }],
    blocked: [{ id: 'b', action: 'upgrade', code: 'X', reason: evil, hint: `\`\`\`\n${evil}` }],
    notices: [{ id: 'c', code: 'X', message: evil, hint: `${evil}\n\`\`\`\nout` }],
  }

  test('no cell, code span or fence is left by it', () => {
    const text = planMarkdown(hostile)
    const unfenced = text.replace(/```(yaml|text)\n[^]*?\n```/g, '')
    expect(unfenced.split('\n').filter((line) => line.startsWith('#'))).toEqual(['### Plugin plan for `acme`'])
    expect(text).not.toContain('\u001b')
    const row = text.split('\n').find((line) => line.startsWith('| upgrade'))!
    expect(row.replaceAll('\\|', '').split('|').length).toBe(7)
    // Outside of code spans and fences, nothing of it is left.
    const outside = unfenced.replace(/`[^`\n]*`/g, '')
    expect(outside).not.toMatch(/onerror|img/)
  })

  test('only what can be pasted is called YAML', () => {
    const hints = (hint: string) => planMarkdown({ ...hostile, changes: [], notices: [], blocked: [{ id: 'b', action: 'upgrade', code: 'X', reason: 'r', hint }] })
    expect(hints('approvals:\n  - { plugin: b }')).toContain('```yaml\napprovals:')
    expect(hints('Correct `config` of b in plugins.yaml.')).toContain('```text\nCorrect')
  })

  test('nor is the remark under it', () => {
    expect(markdownNote(`Compared with ${evil}`).replace(/^<sub>|<\/sub>$/g, '')).not.toMatch(/[<>`\n]/)
  })
})
