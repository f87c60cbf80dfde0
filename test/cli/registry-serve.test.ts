import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { publishIndex } from '../../catalog/publish.ts'
import { main } from '../../cli/main.ts'
import { readTokens } from '../../schemas/tokens.ts'
import { entry, REGISTRY, release } from '../catalog/sample-index.ts'

const RUN = resolve(import.meta.dirname, '../../cli/run.ts')
const SECRET = 'a secret of webhooks, long enough'

let dir: string
let running: ChildProcess[] = []
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'serve-'))
  await publishIndex(join(dir, 'index'), { registry: REGISTRY, entries: [entry('sms')], releases: [release('sms', '1.0.0')] }, { names: 'release' })
})
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running = []
  rmSync(dir, { recursive: true, force: true })
})

/** Runs a command in this process. */
async function catalyst(...argv: string[]): Promise<{ exit: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const exit = await main(argv, { out: (text) => void out.push(text), err: (text) => void err.push(text), colour: false, interactive: false, columns: 100 }, { env: { HOME: dir }, now: () => '2026-11-30T12:00:00.000Z' })
  return { exit, out: out.join('\n'), err: err.join('\n') }
}

interface Started {
  readonly child: ChildProcess
  readonly url: string
  readonly metrics: string
  readonly ended: Promise<{ readonly exit: number | null; readonly out: string; readonly lines: readonly Record<string, unknown>[] }>
}

/** Starts the service as a process of its own; resolves when it says that it listens. */
function serve(...argv: string[]): Promise<Started> {
  const child = spawn(process.execPath, [RUN, '--json', 'registry', 'serve', '--root', join(dir, 'index'), '--listen', '127.0.0.1:0', '--drain', '0', ...argv], { env: { HOME: dir }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.push(child)
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const ended = new Promise<Awaited<Started['ended']>>((end) => child.on('close', (exit) => end({ exit, out, lines: err.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>) })))
  return new Promise((started, failed) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      err += chunk.toString()
      const line = /^.*"msg":"listening".*$/m.exec(err)?.[0]
      if (line === undefined) return
      const { url, metrics } = JSON.parse(line) as { url: string; metrics: string }
      started({ child, url, metrics, ended })
    })
    child.on('exit', () => failed(new Error(`ended: ${out}${err}`)))
  })
}

test('serves the index, the API and figures with tokens that it made itself, until it is told to stop', async () => {
  const made = await catalyst('--json', 'registry', 'token', 'ana', '--scope', 'audit', '--scope', 'yank', '--days', '30', '--file', join(dir, 'tokens.yaml'))
  const { token, expires } = (JSON.parse(made.out) as { result: { token: string; expires: string } }).result
  expect(expires).toBe('2026-12-30T12:00:00Z')
  expect(statSync(join(dir, 'tokens.yaml')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(dir, 'tokens.yaml'), 'utf8')).not.toContain(token)
  writeFileSync(join(dir, 'secret'), `${SECRET}\n`)
  const { child, url, metrics, ended } = await serve('--database', `sqlite:${join(dir, 'catalog.db')}`, '--tokens', join(dir, 'tokens.yaml'), '--webhook-secret', join(dir, 'secret'), '--metrics', '127.0.0.1:0')
  expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ready' })
  expect((await fetch(`${url}/index/3/s/sms`)).status).toBe(200)
  expect((await fetch(`${url}/api/v1/audit`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
  expect((await fetch(`${url}/api/v1/audit`)).status).toBe(401)
  expect((await fetch(`${url}/webhooks/github`, { method: 'POST' })).status).toBe(401)
  expect(await (await fetch(metrics)).text()).toContain('catalyst_http_request_seconds_bucket')
  child.kill('SIGTERM')
  const { exit, out, lines } = await ended
  expect([exit, JSON.parse(out).result.stoppedBy]).toEqual([0, 'SIGTERM'])
  expect(lines.map(({ msg }) => msg)).toEqual(['listening', ...Array.from({ length: 5 }, () => 'request'), 'stopping', 'stopped'])
  expect(JSON.stringify(lines)).not.toContain(token)
})

test('without a database there is the index and nothing else; a second signal does not wait for who is being served', async () => {
  writeFileSync(join(dir, 'index/artifacts/huge.tgz'), '')
  truncateSync(join(dir, 'index/artifacts/huge.tgz'), 30_000_000)
  const { child, url, ended } = await serve()
  expect((await fetch(`${url}/api/v1/plugins`)).status).toBe(404)
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.write('GET /artifacts/huge.tgz HTTP/1.1\r\nHost: a\r\n\r\n')
  await new Promise((begun) => socket.once('data', begun))
  socket.pause()
  child.kill('SIGTERM')
  await refused(url)
  child.kill('SIGINT')
  const { exit, lines } = await ended
  expect(exit).toBe(0)
  expect(lines.find(({ path }) => path === '/artifacts/huge.tgz')).toMatchObject({ aborted: true })
  socket.destroy()
})

/** Resolves when no new connection is taken any more. */
async function refused(url: string): Promise<void> {
  const taken = (): Promise<boolean> => fetch(`${url}/healthz`, { headers: { connection: 'close' } }).then((response) => response.text()).then(() => true, () => false)
  while (await taken());
}

describe('refuses to start', () => {
  const started = (...argv: string[]) => catalyst('registry', 'serve', '--root', join(dir, 'index'), ...argv)

  test.each<[string, string[], string]>([
    ['at an address that is none', ['--listen', 'localhost'], 'USAGE'],
    ['at a port that is none', ['--listen', '127.0.0.1:99999'], 'USAGE'],
    ['with tokens and no database', ['--tokens', 'x'], 'USAGE'],
    ['with a rate that is no number', ['--rate', 'many'], 'USAGE'],
    ['with a database of another kind', ['--database', 'mysql://x'], 'STATE_UNAVAILABLE'],
    ['with an issuer that is no URL', ['--database', 'sqlite::memory:', '--audience', 'https://x', '--oidc-issuer', 'github'], 'USAGE'],
    ['with a secret that is not there', ['--database', 'sqlite::memory:', '--webhook-secret', '/no/such/file'], 'FILE_NOT_FOUND'],
  ])('%s', async (_name, argv, code) => {
    const { exit, err } = await started(...argv)
    expect([exit, err]).toEqual([1, expect.stringContaining(`error[${code}]`)])
  })

  test('with a secret that can be guessed', async () => {
    writeFileSync(join(dir, 'secret'), 'hunter2\n')
    expect((await started('--database', 'sqlite::memory:', '--webhook-secret', join(dir, 'secret'))).err).toContain('at least 16 characters')
  })

  test('with a file of tokens that is wrong, at its place', async () => {
    writeFileSync(join(dir, 'tokens.yaml'), 'tokens:\n  - { name: ana, sha256: "sha256:abc", scopes: [yank], expires: "2027-01-01T00:00:00Z" }\n')
    expect((await started('--database', 'sqlite::memory:', '--tokens', join(dir, 'tokens.yaml'))).err).toContain('tokens.yaml:2:')
  })
})

describe('tokens', () => {
  const token = (...argv: string[]) => catalyst('registry', 'token', ...argv, '--file', join(dir, 'tokens.yaml'))

  test('each is a line of the file, which people may edit', async () => {
    await token('ana', '--scope', 'yank')
    writeFileSync(join(dir, 'tokens.yaml'), readFileSync(join(dir, 'tokens.yaml'), 'utf8').trimEnd())
    const { out } = await token('bo', '--scope', 'decide', '--scope', 'audit')
    expect(out).toMatch(/^catreg_[A-Za-z0-9_-]{43}\n/)
    expect(readTokens(readFileSync(join(dir, 'tokens.yaml')), 'tokens.yaml').map(({ name, scopes }) => [name, scopes])).toEqual([['ana', ['yank']], ['bo', ['decide', 'audit']]])
  })

  test.each<[string, string[], string]>([
    ['a scope that is none', ['ana', '--scope', 'root'], 'there is no scope root'],
    ['no end', ['ana', '--scope', 'yank', '--days', '100000'], '--days must be 1 to 366'],
    ['a name that could forge an audit record', ['ana: x', '--scope', 'yank'], 'name'],
  ])('%s is refused, and nothing is written', async (_name, argv, words) => {
    const { exit, err } = await token(...argv)
    expect([exit, err]).toEqual([1, expect.stringContaining(words)])
    expect(() => statSync(join(dir, 'tokens.yaml'))).toThrow()
  })
})
