import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { madeByUs } from '../../cli/fast.ts'
import { sha256 } from '../../schemas/digest.ts'
import { readLock } from '../../schemas/lock-file.ts'
import { Shop } from './shop.ts'

/*
 * `.catalyst/` is ours, but a checkout can bring anything: a commit may hold `.catalyst/current` or links in place of
 * folders, whatever .gitignore says. What lies there is never believed for what it is called, and nothing is written through it.
 */

let shop: Shop
let tree: string
beforeEach(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  shop.want({ a: { version: '^1.0.0' } })
  expect((await shop.json('lock')).exit).toBe(0)
  tree = readLock(shop.read('plugins.lock.yaml'), 'x').plugins['a']!.tree.slice('sha256:'.length)
})
afterEach(() => shop.close())

const at = (...path: string[]): string => join(shop.dir, ...path)

/** A plugin folder as no publisher signed it. */
function evil(...path: string[]): void {
  mkdirSync(at(...path), { recursive: true })
  writeFileSync(at(...path, 'index.js'), 'evil')
}

/** Where a host that runs `a` really reads its code. */
const live = (): string => realpathSync(at('.catalyst/current/a'))

async function sound(): Promise<void> {
  expect((await shop.json('apply')).exit).toBe(0)
  expect(live()).toBe(realpathSync(at('.catalyst/trees', tree)))
  expect(readFileSync(join(live(), 'index.js'), 'utf8')).not.toBe('evil')
}

describe('a link that has the right number or digest in its name, and leads elsewhere', () => {
  test('current: the first apply makes it ours', async () => {
    evil('.catalyst', 'x', '1', 'a')
    symlinkSync('x/1', at('.catalyst/current'))
    await sound()
  })

  test('current, after it was applied: the next plan sees it', async () => {
    await sound()
    evil('.catalyst', 'x', '1', 'a')
    rmSync(at('.catalyst/current'))
    symlinkSync('x/1', at('.catalyst/current'))
    expect((await shop.json('plan')).result.changes).toMatchObject([{ id: 'a', action: 'repair' }])
    await sound()
  })

  test('a plugin of the live generation: the next plan sees it', async () => {
    await sound()
    evil('.catalyst', 'x', tree)
    rmSync(at('.catalyst/generations/1/a'))
    symlinkSync(`../../x/${tree}`, at('.catalyst/generations/1/a'))
    expect((await shop.json('plan')).result.changes).toMatchObject([{ id: 'a', action: 'repair' }])
    await sound()
  })

  test('the folder of a generation', async () => {
    evil('x', 'trees', tree)
    mkdirSync(at('x/g/1'), { recursive: true })
    mkdirSync(at('.catalyst/generations'), { recursive: true })
    symlinkSync(`../../trees/${tree}`, at('x/g/1/a'))
    symlinkSync('../../x/g/1', at('.catalyst/generations/1'))
    await sound()
  })
})

describe('a link in place of a folder of ours: nothing is written through it', () => {
  test.each(['generations', 'trees', 'tmp', 'quarantine', 'hosts'])('%s', async (name) => {
    mkdirSync(at('.catalyst'))
    mkdirSync(at('elsewhere'))
    symlinkSync('../elsewhere', at('.catalyst', name))
    const { exit, problems } = await shop.json('apply')
    expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 1, codes: ['FILE_UNREADABLE'] })
    expect(problems[0]?.message).toContain(name)
    rmSync(at('.catalyst', name))
    await sound()
  })

  test('.catalyst itself may be a link to another disk, not to where other things are', async () => {
    mkdirSync(at('elsewhere'))
    shop.write('elsewhere/mine.txt', 'mine')
    symlinkSync('elsewhere', at('.catalyst'))
    expect(await shop.json('apply')).toMatchObject({ exit: 1, problems: [{ code: 'FILE_UNREADABLE', message: expect.stringContaining('mine.txt') }] })
    rmSync(at('elsewhere/mine.txt'))
    await sound()
    await sound()
  })

  test('the journal', async () => {
    mkdirSync(at('.catalyst'))
    symlinkSync('../new.txt', at('.catalyst/journal'))
    await shop.json('apply')
    expect(existsSync(at('new.txt'))).toBe(false)
    rmSync(at('.catalyst/journal'))
    await sound()
  })

  test('what is remembered of the database', async () => {
    mkdirSync(at('.catalyst'))
    shop.write('mine.txt', 'mine')
    symlinkSync('../mine.txt', at('.catalyst/database.json'))
    await sound()
    expect(shop.read('mine.txt')).toBe('mine')
  })
})

test('a remembered database that a checkout brought is not opened', async () => {
  await sound()
  writeFileSync(at('.catalyst/database.json'), JSON.stringify({ plugins: sha256(shop.read('plugins.yaml')), database: at('other.db') }))
  await shop.json('rollback a')
  expect(existsSync(at('other.db'))).toBe(false)
})

test('a database that a reference names is asked for anew: the reference may lead elsewhere by now', async () => {
  shop.want({ a: { version: '^1.0.0' } }, { store: { id: 'acme-eu', catalyst: '3.2.0', database: '${env:DATABASE_URL}' } })
  shop.env['DATABASE_URL'] = 'sqlite:./blue.db'
  await sound()
  shop.env['DATABASE_URL'] = 'sqlite:./green.db'
  expect(await shop.json('rollback a')).toMatchObject({ exit: 1, problems: [{ code: 'NOT_INSTALLED' }] })
})

test.each<[string, (folder: string) => void]>([
  ['a folder', (folder) => mkdirSync(folder)],
  ['a folder that only its owner may enter', (folder) => mkdirSync(folder, { mode: 0o700 })],
  ['a link', (folder) => symlinkSync('..', folder)],
  ['a file', (folder) => writeFileSync(folder, '')],
])('compiled code that a checkout brought is never run: %s', (_what, plant) => {
  const folder = at('compile-cache')
  plant(folder)
  expect(madeByUs(folder)).toBe(false)
  expect(madeByUs(at('other-cache'))).toBe(true)
  expect(madeByUs(at('other-cache'))).toBe(true)
})

test('a journal with half a line of a repair holds nobody up', async () => {
  mkdirSync(at('.catalyst'))
  for (const details of ['', ',"details":null', ',"details":{"tree":7}']) {
    writeFileSync(at('.catalyst/journal'), `{"kind":"intent","key":"repair:a","at":"x"${details}}\n`)
    await sound()
  }
})
