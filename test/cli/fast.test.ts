import { appendFileSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { start } from '../../cli/fast.ts'
import { toolVersion } from '../../cli/version.ts'
import { Shop } from './shop.ts'

/* Law 9: a pass with nothing to do asks the store's database for one serial, and nothing else of the world. */

let shop: Shop
let pluginsYaml: string
let lock: string
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  shop.want({ a: { version: '^1.0.0' } })
  await shop.settle()
  pluginsYaml = shop.read('plugins.yaml')
  lock = shop.read('plugins.lock.yaml')
})
afterAll(() => shop.close())
beforeEach(async () => {
  shop.write('plugins.yaml', pluginsYaml)
  shop.write('plugins.lock.yaml', lock)
  await shop.settle()
})

/** What `catalyst plan` prints when only the quick answer may be given; undefined when it wants to load the command. */
function quick(...args: string[]): string | undefined {
  const told: string[] = []
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => told.push(String(text)) > 0)
  const loaded: string[] = []
  try {
    start([...args, '-C', shop.dir], toolVersion(), '/nowhere', (file) => void loaded.push(file))
  } finally {
    out.mockRestore()
  }
  return loaded.length > 0 ? undefined : told.join('')
}

test('nothing changed: answered at once, with the trees and the network gone', async () => {
  const count = shop.world.log.count()
  const trees = join(shop.dir, '.catalyst/trees')
  renameSync(trees, `${trees}.away`)
  expect(quick('plan')).toMatch(/^No changes\. 1 plugins? as wanted; last looked at \d+ s ago\.$/m)
  expect(quick('apply')).toContain('No changes.')
  expect(quick('plan', '--detailed-exitcode')).toContain('No changes.')
  renameSync(`${trees}.away`, trees)
  expect(shop.world.log.count()).toBe(count)
})

test.each<[string, () => void | Promise<unknown>]>([
  ['plugins.yaml changed', () => appendFileSync(join(shop.dir, 'plugins.yaml'), '# more\n')],
  ['the lock changed', () => appendFileSync(join(shop.dir, 'plugins.lock.yaml'), '# more\n')],
  ['the stamp is gone', () => rmSync(join(shop.dir, '.catalyst/stamp'))],
  ['the stamp is torn', () => writeFileSync(join(shop.dir, '.catalyst/stamp'), readFileSync(join(shop.dir, '.catalyst/stamp')).subarray(0, 50))],
  ['another node rolled back', () => shop.json('rollback a --lift').then(async () => shop.json('lease --release'))],
])('%s: the whole command is loaded', async (what, change) => {
  await change()
  if (what === 'another node rolled back') {
    // What another machine does shows in the database alone.
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(join(shop.dir, 'store.db'))
    db.exec('UPDATE catalyst_state SET serial = serial + 1')
    db.close()
  }
  expect(quick('plan')).toBeUndefined()
})

test('a file that was only touched is still the same file', () => {
  utimesSync(join(shop.dir, 'plugins.yaml'), new Date(), new Date())
  expect(quick('plan')).toContain('No changes.')
})

test.each([[['plan', '--json']], [['plan', '--markdown']], [['apply', '--expect', 'sha256:x']], [['status']], [['plan', 'x']]])('%j asks for more than that', (args) => {
  expect(quick(...args)).toBeUndefined()
})
