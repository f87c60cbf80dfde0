import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtClone } from '../builders/clone.ts'
import { runProcess, type Ended } from '../builders/process.ts'

/* This repository is a working store: in a fresh clone everything works with no service, no network and no secret. */

let dir: string
let store: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'catalyst-own-'))
  store = await builtClone(dir)
  // A folder of packages is ignored by `node_modules/`; here it is a link.
  appendFileSync(join(store, '.gitignore'), 'node_modules\n')
  writeFileSync(join(dir, 'attempts'), '')
  env = {
    PATH: process.env.PATH, HOME: join(dir, 'home'), NO_COLOR: '1', NETWORK_ATTEMPTS: join(dir, 'attempts'),
    NODE_OPTIONS: `--import=${join(store, 'test/builders/no-network.mjs')}`,
    // Nothing listens on the discard port: what asks a proxy fails as well.
    HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9',
    GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null',
  }
  for (const args of [['init', '-q'], ['add', '-A'], ['-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '-q', '-m', 'a fresh clone']]) {
    const { exit, err } = await runProcess(['git', ...args], { cwd: store, env })
    expect({ exit, err }).toMatchObject({ exit: 0 })
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** One command in a process of its own, in the clone. */
async function catalyst(args: string, exit = 0): Promise<Ended> {
  const ended = await runProcess([process.execPath, 'bin/catalyst.cjs', ...args.split(' ')], { cwd: store, env })
  expect(ended, `${args}\n${ended.out}${ended.err}`).toMatchObject({ exit })
  return ended
}

async function installed(): Promise<Record<string, string>> {
  const { result } = JSON.parse((await catalyst('--json status')).out)
  return Object.fromEntries(result.plugins.map((p: { id: string; version: string }) => [p.id, p.version]))
}

test('the lock answers plugins.yaml, and locking again from the mirror writes the same', async () => {
  await catalyst('lock --check')
  const before = readFileSync(join(store, 'plugins.lock.yaml'), 'utf8')
  rmSync(join(store, 'plugins.lock.yaml'))
  await catalyst('lock')
  expect(readFileSync(join(store, 'plugins.lock.yaml'), 'utf8')).toBe(before)
})

test('plan, apply, and then there is nothing left to do', async () => {
  expect((await catalyst('plan')).out).toContain('Plan: 3 to install')
  expect((await catalyst('apply')).out).toContain('3 applied. Generation 1 is live.')
  expect(await installed()).toEqual({ 'flat-rate-shipping': '1.0.0', 'message-templates': '1.0.0', 'product-feed': '1.0.1' })
  expect((await catalyst('plan')).out).toContain('No changes.')
  await catalyst('status --check')
})

test('what it installs stays out of git', async () => {
  const { out } = await runProcess(['git', 'status', '--porcelain'], { cwd: store, env })
  expect(out).toBe('')
})

test('an update, and back', async () => {
  const path = join(store, 'plugins.yaml')
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace('~1.0.0', '^1.0.0'))
  await catalyst('update')
  await catalyst('apply')
  expect(await installed()).toMatchObject({ 'message-templates': '1.1.0' })
  expect((await catalyst('rollback')).out).toContain('message-templates 1.1.0 -> 1.0.0')
  expect(await installed()).toMatchObject({ 'message-templates': '1.0.0' })
  expect((await catalyst('plan')).out).toContain('1.1.0 was rolled back')
})

test('nothing asked the network; this would have been seen', async () => {
  expect(readFileSync(join(dir, 'attempts'), 'utf8')).toBe('')
  for (const code of ["await fetch('http://127.0.0.1:8000/')", "require('node:net').connect(9)", "require('node:dns').lookup('localhost', () => {})"]) {
    await runProcess([process.execPath, '-e', `(async () => { ${code} })().catch(() => {})`], { cwd: store, env })
  }
  expect(readFileSync(join(dir, 'attempts'), 'utf8').trim().split('\n').length).toBe(3)
})
