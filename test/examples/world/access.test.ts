import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import git from 'isomorphic-git'
import http from 'isomorphic-git/http/node'
import { Octokit } from 'octokit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Published } from '../../../examples/world/publish.ts'
import { startWorld } from '../../../examples/world/world.ts'
import type { World } from '../../../examples/world/world.ts'
import { sha256 } from '../../../schemas/digest.ts'

const run = promisify(execFile)
/** A git that never asks a person. */
const quiet = { env: { PATH: process.env.PATH, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' } }

describe('who may see and do what', () => {
  let world: World
  let secret: Published
  let token: string
  let writer: string
  let dir: string
  const repo = { owner: 'acme', repo: 'secret' }
  const octokitWith = (auth?: string): Octokit => new Octokit({ baseUrl: world.apiUrl, ...(auth ? { auth } : {}), retry: { enabled: false }, throttle: { enabled: false } })
  const cloneUrl = (auth: string): string => `${world.url.replace('://', `://x-access-token:${auth}@`)}/acme/secret.git`

  beforeAll(async () => {
    world = await startWorld()
    dir = await mkdtemp(join(tmpdir(), 'world-test-'))
    secret = await world.publish({ id: 'secret', version: '1.0.0', private: true })
    token = world.github.createToken()
    writer = world.github.createToken({ write: true })
  })
  afterAll(async () => {
    await world.close()
    await rm(dir, { recursive: true, force: true })
  })

  test('an unknown or revoked token is 401, even for what is public', async () => {
    await world.publish({ id: 'open', version: '1.0.0' })
    const gone = world.github.createToken()
    world.github.revokeToken(gone)
    for (const auth of ['ghp_unknown', gone]) {
      await expect(octokitWith(auth).rest.repos.get({ owner: 'acme', repo: 'open' })).rejects.toMatchObject({ status: 401, message: expect.stringContaining('Bad credentials') as string })
    }
  })

  test('a private repository does not exist for strangers and for tokens of others', async () => {
    const other = world.github.createToken({ repositories: [] })
    for (const auth of [undefined, other]) await expect(octokitWith(auth).rest.repos.listReleases(repo)).rejects.toMatchObject({ status: 404 })
    expect((await octokitWith(token).rest.repos.listReleases(repo)).data).toHaveLength(1)
    const only = world.github.createToken({ repositories: [secret.repository] })
    expect((await octokitWith(only).rest.repos.get(repo)).data.private).toBe(true)
  })

  test('private bytes come by the API with a token, not by the download address', async () => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/octet-stream' }
    expect((await fetch(secret.artifact.url, { headers })).status).toBe(404)
    const response = await fetch(secret.artifact.apiUrl ?? '', { headers })
    expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(secret.artifact.sha256)
    expect(new URL(response.url).origin).toBe(world.objectsUrl)
  })

  test('the store of bytes refuses who brings the token across the redirect', async () => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/octet-stream' }
    const redirect = await fetch(secret.artifact.apiUrl ?? '', { headers, redirect: 'manual' })
    const location = redirect.headers.get('location') ?? ''
    expect((await fetch(location, { headers })).status).toBe(400)
    expect((await fetch(location.replace(/sig=.*/, 'sig=guess'))).status).toBe(403)
    expect((await fetch(location)).status).toBe(200)
  })

  test('git and isomorphic-git clone a private repository with a token only', async () => {
    await expect(run('git', ['clone', '-q', `${world.url}/acme/secret.git`, join(dir, 'no')], quiet)).rejects.toThrow(/could not read Username|Authentication failed/)
    await expect(run('git', ['clone', '-q', cloneUrl('ghp_unknown'), join(dir, 'no')], quiet)).rejects.toThrow(/Authentication failed/)
    await run('git', ['clone', '-q', cloneUrl(token), join(dir, 'yes')], quiet)
    const onAuth = (): { username: string; password: string } => ({ username: 'x-access-token', password: token })
    await git.clone({ fs, http, dir: join(dir, 'iso'), url: `${world.url}/acme/secret.git`, onAuth })
    expect(await git.resolveRef({ fs, dir: join(dir, 'iso'), ref: 'HEAD' })).toBe(secret.commit)
  })

  test('a push needs a token that may write; the API then shows the commit', async () => {
    const work = join(dir, 'work')
    await run('git', ['clone', '-q', cloneUrl(token), work], quiet)
    await writeFile(join(work, 'pushed.txt'), 'pushed\n')
    await run('git', ['-C', work, 'add', '.'], quiet)
    await run('git', ['-C', work, '-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '-qm', 'Push'], quiet)
    await expect(run('git', ['-C', work, 'push', '-q'], quiet)).rejects.toThrow(/403|denied|not granted/)
    await run('git', ['-C', work, 'push', '-q', cloneUrl(writer), 'HEAD:main'], quiet)
    const { data } = await octokitWith(token).rest.repos.getContent({ ...repo, path: 'pushed.txt' })
    expect(data).toMatchObject({ type: 'file', content: Buffer.from('pushed\n').toString('base64') })
    // A fetch after it brings only what is new.
    await git.fetch({ fs, http, dir: join(dir, 'iso'), url: `${world.url}/acme/secret.git`, onAuth: () => ({ username: token, password: 'x-oauth-basic' }) })
    const { stdout } = await run('git', ['-C', work, 'rev-parse', 'HEAD'])
    expect(await git.resolveRef({ fs, dir: join(dir, 'iso'), ref: 'refs/remotes/origin/main' })).toBe(stdout.trim())
  })
})

describe('names that moved', () => {
  let world: World
  beforeAll(async () => void (world = await startWorld()))
  afterAll(() => world.close())

  test('the API, downloads and git follow a rename and a transfer; the numeric id stays', async () => {
    const published = await world.publish({ id: 'before', version: '1.0.0' })
    const { id, owner } = published.repository
    world.github.rename(published.repository, 'newowner/after')
    const octokit = new Octokit({ baseUrl: world.apiUrl })
    const { data } = await octokit.rest.repos.get({ owner: 'acme', repo: 'before' })
    expect([data.id, data.full_name]).toEqual([id, 'newowner/after'])
    expect(data.owner.id).not.toBe(owner.id)
    const { data: release } = await octokit.rest.repos.getReleaseByTag({ owner: 'acme', repo: 'before', tag: 'v1.0.0' })
    expect(release.assets[0]?.browser_download_url).toContain('/newowner/after/releases/download/v1.0.0/')
    expect(sha256(Buffer.from(await (await fetch(published.artifact.url)).arrayBuffer()))).toBe(published.artifact.sha256)
    const { stdout } = await run('git', ['ls-remote', `${world.url}/acme/before.git`, 'HEAD'], quiet)
    expect(stdout).toContain(published.commit)
    // isomorphic-git follows the redirect of the discovery (GET), but sends its POST to the old address as a GET.
    const info = await git.getRemoteInfo({ http, url: `${world.url}/acme/before.git` })
    expect(info.refs?.tags).toEqual({ 'v1.0.0': published.commit })
  })

  test('a name that somebody else takes belongs to them', async () => {
    const first = await world.publish({ id: 'taken', version: '1.0.0' })
    world.github.rename(first.repository, 'acme/gone')
    world.github.deleteRepository(first.repository)
    const second = world.github.createRepository('acme/taken', { id: 42 })
    expect(world.github.find('ACME/Taken')).toBe(second)
    await expect(new Octokit({ baseUrl: world.apiUrl }).rest.repos.get({ owner: 'acme', repo: 'gone' })).rejects.toMatchObject({ status: 404 })
  })
})
