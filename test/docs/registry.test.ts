import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ExampleWorld, startExampleWorld } from '../../examples/story/example-world.ts'
import { page, ROOT } from './blocks.ts'

/*
 * The commands of docs/registry.md, run in one shell as they stand there. Only what names the world is other: GitHub is on
 * loopback, which is then an `artifactHosts` of the registry, releases are signed under its own Sigstore, port 8080 is a free one.
 */

let world: ExampleWorld
let dir: string
beforeAll(async () => {
  world = await startExampleWorld()
  dir = mkdtempSync(join(tmpdir(), 'registry-page-'))
})
afterAll(async () => {
  await world.close()
  rmSync(dir, { recursive: true, force: true })
})

test('takes a maintainer from an empty repository to a listed release that a store locks', async () => {
  await world.release('flat-rate-shipping', '1.0.0')
  writeFileSync(join(dir, 'root.json'), JSON.stringify(world.sigstore.trustedRoot))
  const section = page('docs/registry.md').text.split('## From an empty repository')[1]?.split('\n## ')[0] ?? ''
  const commands = [...section.matchAll(/^```sh\n([^]*?)\n```$/gm)].map((match) => match[1] ?? '')
  expect(commands.length).toBe(6)
  const script = commands.join('\n').replaceAll('8080', String(await freePort()))
    .replace('looked at\n', `looked at\nartifactHosts: [${JSON.stringify(`${world.url}/`)}]\n`)
    .replace('registry ingest .', `registry ingest . --sigstore ${join(dir, 'root.json')}`)
    .replace('root: ./registry-root.json }', `root: ./registry-root.json, sigstore: ${join(dir, 'root.json')} }`)
  const { exit, out } = await shell(script)
  expect([exit, out]).toEqual([0, expect.not.stringMatching(/error\[\w+\]/)])
  expect(out).toContain('1 entry: nothing stands in the way')
  expect(out).toContain('+ flat-rate-shipping 1.0.0 listed')
  expect(out).toContain('"verdict":"listed"')
  expect(out).toContain('github.com/catalyst-plugins/flat-rate-shipping')
}, 240_000)

/** Runs a script as a person would type it, stopping at the first command that fails. */
function shell(script: string): Promise<{ readonly exit: number; readonly out: string }> {
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'catalyst'), `#!/bin/sh\nexec ${process.execPath} ${join(ROOT, 'bin/catalyst.cjs')} "$@"\n`, { mode: 0o755 })
  const env = {
    PATH: `${bin}:${process.env.PATH}`, HOME: dir, GITHUB_TOKEN: world.github.createToken({ login: 'registry-bot', write: true }), CATALYST_GITHUB_API_URL: world.apiUrl, CATALYST_GITHUB_URL: world.url, CATALYST_KEY_PASSPHRASE: 'a passphrase that is long enough',
    GIT_AUTHOR_NAME: 'ana', GIT_AUTHOR_EMAIL: 'ana@example.com', GIT_COMMITTER_NAME: 'ana', GIT_COMMITTER_EMAIL: 'ana@example.com',
  }
  return new Promise((ended) => {
    execFile('bash', ['-c', `exec 2>&1; set -euo pipefail; trap 'kill $(jobs -p) 2>/dev/null' EXIT\n${script}`], { cwd: dir, env, maxBuffer: 10_000_000 }, (error, out) => ended({ exit: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out }))
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}
