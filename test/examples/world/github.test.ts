import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
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
import { verified } from './verified.ts'

const run = promisify(execFile)

describe('our GitHub, seen by real clients', () => {
  let world: World
  let octokit: Octokit
  let published: Published
  let dir: string
  const repo = { owner: 'acme', repo: 'stripe-payments' }

  beforeAll(async () => {
    world = await startWorld()
    octokit = new Octokit({ baseUrl: world.apiUrl, retry: { enabled: false }, throttle: { enabled: false } })
    dir = await mkdtemp(join(tmpdir(), 'world-test-'))
    await world.publish({ id: 'stripe-payments', version: '1.2.2' })
    published = await world.publish({ id: 'stripe-payments', version: '1.2.3' })
  })
  afterAll(async () => {
    await world.close()
    await rm(dir, { recursive: true, force: true })
  })

  test('octokit lists releases, finds one by tag, and names numeric ids', async () => {
    const { data: repository } = await octokit.rest.repos.get(repo)
    expect([repository.id, repository.owner.id]).toEqual([published.repository.id, published.repository.owner.id])
    const { data: releases } = await octokit.rest.repos.listReleases(repo)
    expect(releases.map(({ tag_name }) => tag_name)).toEqual(['v1.2.3', 'v1.2.2'])
    const { data: release } = await octokit.rest.repos.getReleaseByTag({ ...repo, tag: 'v1.2.3' })
    expect(release.assets.map(({ name, digest }) => [name, digest])).toEqual([
      ['stripe-payments-1.2.3.tgz', published.artifact.sha256],
      ['stripe-payments-1.2.3.tgz.sigstore.json', published.bundle?.sha256],
    ])
  })

  test('the bytes of an asset come by its download address and by the API; the bundle proves them', async () => {
    const download = Buffer.from(await (await fetch(published.artifact.url)).arrayBuffer())
    expect(sha256(download)).toBe(published.artifact.sha256)
    const asset = published.release.assets[0]
    const { data } = await octokit.rest.repos.getReleaseAsset({ ...repo, asset_id: asset?.id ?? 0, headers: { accept: 'application/octet-stream' } })
    expect(sha256(Buffer.from(data as unknown as ArrayBuffer))).toBe(published.artifact.sha256)
    const bundle: unknown = await (await fetch(published.bundle?.url ?? '')).json()
    expect(verified(bundle, world.sigstore.trustedRoot).identity?.subjectAlternativeName).toBe('https://github.com/acme/stripe-payments/.github/workflows/release.yml@refs/tags/v1.2.3')
  })

  test('git and isomorphic-git clone the commit that the API names', async () => {
    const { data: ref } = await octokit.rest.git.getRef({ ...repo, ref: 'tags/v1.2.3' })
    expect(ref.object.sha).toBe(published.commit)
    await run('git', ['clone', '-q', `${world.url}/acme/stripe-payments.git`, join(dir, 'real')])
    const head = await run('git', ['-C', join(dir, 'real'), 'rev-parse', 'HEAD', 'v1.2.2'])
    expect(head.stdout.split('\n')[0]).toBe(published.commit)
    await git.clone({ fs, http, dir: join(dir, 'iso'), url: `${world.url}/acme/stripe-payments.git` })
    expect(await git.resolveRef({ fs, dir: join(dir, 'iso'), ref: 'refs/tags/v1.2.3' })).toBe(published.commit)
    expect(fs.readFileSync(join(dir, 'iso/manifest.json'))).toEqual(fs.readFileSync(join(dir, 'real/manifest.json')))
  })
})
