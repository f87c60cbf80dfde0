import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Shop } from './shop.ts'

/* Code that was altered on this machine: who asks for a look sees it, and the same word repairs it. */

const STRANGE = 'a'.repeat(64)

let shop: Shop
let file: string

beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('feed', '1.0.0')
  shop.want({ feed: { version: '^1.0.0', permissions: {} } })
  await shop.settle()
  const trees = join(shop.dir, '.catalyst/trees')
  const tree = join(trees, readdirSync(trees).find((name) => /^[0-9a-f]{64}$/.test(name)) ?? '')
  file = join(tree, 'index.js')
  alter('// altered')
})

function alter(line: string): void {
  chmodSync(dirname(file), 0o755)
  chmodSync(file, 0o644)
  writeFileSync(file, `${readFileSync(file, 'utf8')}\n${line}\n`)
}
afterAll(() => shop.close())

test('status --check names the file and ends with 6; without a look nobody sees it', async () => {
  const checked = await shop.run('status --check')
  expect(checked.exit).toBe(6)
  expect(checked.out).toMatch(/✗ feed\s+1\.0\.0\s+FilesAltered$/m)
  expect(checked.err).toContain('error[DRIFTED]: feed 1.0.0: index.js')
  expect(await shop.json('plan')).toMatchObject({ exit: 0, result: { changes: [] } })
})

test('plan --check shows the repair, apply --check makes it and keeps what was found', async () => {
  const { result } = await shop.json('plan --check')
  expect((await shop.run('plan --check')).out).toContain('repair: files differ from the release: index.js')
  expect(result.changes).toMatchObject([{ id: 'feed', action: 'repair' }])
  const applied = await shop.json(`apply --check --expect ${result.planDigest}`)
  expect(applied).toMatchObject({ exit: 0, result: { outcomes: [{ id: 'feed', action: 'repair', outcome: 'applied' }] } })
  expect(readFileSync(join(applied.result.outcomes[0].quarantine, basename(dirname(file)), 'index.js'), 'utf8')).toContain('// altered')
  expect(readFileSync(file, 'utf8')).not.toContain('// altered')
  expect(readFileSync(join(applied.result.outcomes[0].quarantine, 'altered.diff'), 'utf8')).toMatch(/^--- proven\/index\.js\n\+\+\+ altered\/index\.js\n[^]*\n\+\/\/ altered\n/)
  expect((await shop.run('status --check')).out).toMatch(/✓ feed\s+1\.0\.0\s+live, verified, files checked$/m)
})

test('apply shows what was altered, without what looks like a secret', async () => {
  alter('// key ghp_abcdefghijklmnopqrstuvwxyz0123456789')
  const { out, exit } = await shop.run('apply --check')
  expect(exit).toBe(0)
  expect(out).toMatch(/✓ feed 1\.0\.0 {2}repaired; the altered files are in .*quarantine.*\n {4}--- proven\/index\.js\n {4}\+\+\+ altered\/index\.js\n[^]*\n {4}\+\/\/ key ghp_\*\*\*\n/)
  const { result } = await shop.json('audit --limit 1')
  expect(result.records).toMatchObject([{ event: 'repair', id: 'feed', details: { quarantine: expect.stringContaining('quarantine') } }])
})

test('a plugin that is live and not recorded is shown and ends with 6; apply takes the link out of what is live, and deletes no file', async () => {
  const generation = join(shop.dir, '.catalyst', readlinkSync(join(shop.dir, '.catalyst/current')))
  const link = join(generation, 'stranger')
  chmodSync(generation, 0o755)
  mkdirSync(join(shop.dir, '.catalyst/trees', STRANGE))
  writeFileSync(join(shop.dir, '.catalyst/trees', STRANGE, 'index.js'), 'export {}')
  symlinkSync(`../../trees/${STRANGE}`, link)
  const { exit, out, err } = await shop.run('status --check')
  expect(exit).toBe(6)
  expect(out).toMatch(/! stranger +- +unmanaged: live here, and nobody installed it/)
  expect(err).toContain('error[DRIFTED]: stranger is live on this machine and not recorded as installed')
  expect((await shop.json('status')).result.drift).toMatchObject([{ id: 'stranger', class: 'unmanaged' }])
  expect((await shop.json('plan')).result.changes).toEqual([])
  await shop.json('apply')
  expect([existsSync(link), existsSync(join(shop.dir, '.catalyst/trees', STRANGE, 'index.js'))]).toEqual([false, true])
})
