import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Shop } from './shop.ts'

/* Code that was altered on this machine: who asks for a look sees it, and the same word repairs it. */

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
  chmodSync(tree, 0o755)
  chmodSync(file, 0o644)
  writeFileSync(file, `${readFileSync(file, 'utf8')}\n// altered\n`)
})
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
  expect(result.changes).toMatchObject([{ id: 'feed', action: 'repair' }])
  const applied = await shop.json(`apply --check --expect ${result.planDigest}`)
  expect(applied).toMatchObject({ exit: 0, result: { outcomes: [{ id: 'feed', action: 'repair', outcome: 'applied' }] } })
  expect(readFileSync(join(applied.result.outcomes[0].quarantine, basename(dirname(file)), 'index.js'), 'utf8')).toContain('// altered')
  expect(readFileSync(file, 'utf8')).not.toContain('// altered')
  expect((await shop.run('status --check')).out).toMatch(/✓ feed\s+1\.0\.0\s+live, verified, files checked$/m)
})
