import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Shop } from './shop.ts'

const RUN = resolve(import.meta.dirname, '../../cli/run.ts')
let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  shop.want({ a: { version: '^1.0.0' } })
  expect((await shop.json('lock')).exit).toBe(0)
})
afterAll(() => shop.close())

/** Runs the command as a process of its own; `out` is where its stdout goes, `pipe` to a reader that is gone at once. */
async function exitOf(command: string, out: 'pipe' | number): Promise<{ readonly exit: number | null; readonly err: string }> {
  const child = spawn(process.execPath, [RUN, '-C', shop.dir, ...command.split(' ')], { env: { PATH: process.env.PATH, ...shop.env }, stdio: ['ignore', out, 'pipe'] })
  let err = ''
  if (out === 'pipe') [child.stdout, child.stderr].forEach((stream) => stream?.destroy())
  else child.stderr?.setEncoding('utf8').on('data', (text: string) => void (err += text))
  return new Promise((done, failed) => child.on('error', failed).on('close', (exit) => done({ exit, err })))
}

test('a reader that is gone ends nothing: apply does its work, and help is no error', async () => {
  expect(await exitOf('apply', 'pipe')).toEqual({ exit: 0, err: '' })
  expect(await shop.installed()).toEqual({ a: '1.0.0' })
  expect(await exitOf('--help', 'pipe')).toEqual({ exit: 0, err: '' })
})

test('output that cannot be written is told, and is an error', async () => {
  const full = openSync('/dev/full', 'w')
  const { exit, err } = await exitOf('status', full)
  closeSync(full)
  expect({ exit, err }).toMatchObject({ exit: 1, err: expect.stringMatching(/^error\[DISK_FULL\]: .*\(ENOSPC\)\n {2}= help: .*\n$/) })
})
