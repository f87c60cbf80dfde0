import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fill, names, POINTS, releasePoints } from './points.ts'
import { Shop } from './shop.ts'

/* The published command at a real terminal, a pseudo one that `script` (util-linux) makes: what it asks, and what is typed. */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('feed', '1.0.0')
  await releasePoints(shop, '1.0.0')
})
afterAll(() => shop.close())

const COMMAND = resolve(import.meta.dirname, '../../bin/catalyst.cjs')

/** What is typed when the screen shows something; once each, in this order. */
type Typed = readonly (readonly [shown: RegExp, keys: string])[]

/** Runs a command at a terminal. The screen comes without what moves the cursor. */
function atTerminal(command: string, typed: Typed, env: NodeJS.ProcessEnv = {}): Promise<{ readonly exit: number | null; readonly screen: string }> {
  const child = spawn('script', ['-qec', `"${process.execPath}" "${COMMAND}" -C "${shop.dir}" ${command}`, '/dev/null'], { env: { PATH: process.env['PATH'], TERM: 'xterm', NO_COLOR: '1', ...shop.env, ...env } })
  const left = [...typed]
  let screen = ''
  let from = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
    const found = left[0]?.[0].exec(screen.slice(from))
    if (!found) return
    from += found.index + found[0].length
    child.stdin.write(left.shift()?.[1] ?? '')
  })
  return new Promise((done, failed) => {
    child.once('error', failed)
    child.once('close', (exit) => done({ exit, screen: screen.replaceAll(/\x1b\[[\d;?]*[A-Za-z]/g, '').replaceAll('\r', '') })) // oxlint-disable-line no-control-regex -- what a terminal is told
  })
}

/** Installed with three rows and a file, and taken out of plugins.yaml; nothing is applied of that yet. */
async function takenOut(): Promise<void> {
  shop.want({ feed: { version: '^1.0.0' }, [POINTS]: { version: '^1.0.0' } })
  await shop.settle()
  if (names(shop)?.length === 0) fill(shop)
  shop.want({ feed: { version: '^1.0.0' } })
  expect((await shop.json('lock')).exit).toBe(0)
}

async function states(): Promise<Record<string, string>> {
  const { result } = await shop.json('status')
  const { classes } = result.retained.find((r: { id: string }) => r.id === POINTS)
  return { data: classes.data.state, tables: classes.tables.state }
}

test('apply asks about each class, takes no other word, and says what became of it', async () => {
  await takenOut()
  const { exit, screen } = await atTerminal('apply', [[/leaves 1 data file.*\[keep\/remove\/later\] /, 'hm\n'], [/hm is none of keep, remove and later[^]*\[keep\/remove\/later\] /, 'keep\n'], [/leaves 1 table with 3 rows.*\[keep\/remove\/later\] /, 'remove\n']])
  expect(screen).toMatch(/✓ points 1\.0\.0 {2}removed\n {4}keeps {8}code, config, data .*\n {4}sets aside {3}tables/)
  expect(exit).toBe(0)
  expect(await states()).toEqual({ data: 'retained', tables: 'quarantined' })
})

test('lines that are typed or pasted ahead answer the questions that follow', async () => {
  await takenOut()
  const { exit } = await atTerminal('apply', [[/leaves 1 data file.*\[keep\/remove\/later\] /, 'remove\nkeep\n']])
  expect(exit).toBe(0)
  expect(await states()).toEqual({ data: 'quarantined', tables: 'retained' })
})

test('the end of input leaves everything that is not answered as it is', async () => {
  await takenOut()
  const { exit } = await atTerminal('apply', [[/leaves 1 data file.*\[keep\/remove\/later\] /, '\x04']])
  expect(exit).toBe(0)
  expect(await states()).toEqual({ data: 'awaiting', tables: 'awaiting' })
})

test('Ctrl-C at a question changes nothing', async () => {
  await takenOut()
  const before = (await shop.json('status')).result
  const { exit, screen } = await atTerminal('apply', [[/leaves 1 data file.*\[keep\/remove\/later\] /, '\x03']])
  expect({ exit, screen }).toMatchObject({ exit: 1, screen: expect.stringContaining('stopped at the question') })
  expect((await shop.json('status')).result).toEqual(before)
})

test('what cannot be taken back is shown and asked about; Enter alone is no', async () => {
  await takenOut()
  await shop.json('apply')
  const refused = await atTerminal(`purge ${POINTS}`, [[/destroys +data, tables now[^]*Destroy this for ever\? \[y\/N\] /, '\n']])
  expect(refused).toMatchObject({ exit: 1, screen: expect.stringContaining('not confirmed') })
  expect(names(shop)).toHaveLength(3)
  const done = await atTerminal(`purge ${POINTS}`, [[/Destroy this for ever\? \[y\/N\] /, 'y\n']])
  expect(done).toMatchObject({ exit: 0, screen: expect.stringMatching(/✓ points 1\.0\.0 {2}purged/) })
  expect(names(shop)).toBeUndefined()
})

test('a terminal of a CI job is asked nothing', async () => {
  await takenOut()
  const { exit, screen } = await atTerminal('apply', [], { CI: 'true' })
  expect([exit, screen.includes('[keep/remove/later]')]).toEqual([0, false])
})
