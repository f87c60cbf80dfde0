import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import * as tar from 'tar'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tgz } from '../../../examples/world/archive.ts'
import { filesOfFolders, manifestOf, packPlugin, packageFiles } from '../../../examples/world/package.ts'
import type { Published } from '../../../examples/world/publish.ts'
import { Sigstore } from '../../../examples/world/sigstore/sigstore.ts'
import { startWorld } from '../../../examples/world/world.ts'
import type { World } from '../../../examples/world/world.ts'
import { hexOf, sha256 } from '../../../schemas/digest.ts'
import { objections } from './openapi.ts'
import { oidOf, verified } from './verified.ts'

const run = promisify(execFile)

interface StatementJson {
  readonly predicateType: string
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[]
  readonly predicate: { readonly buildDefinition?: { readonly resolvedDependencies: readonly { readonly digest: { readonly gitCommit: string } }[] } }
}
const bundleOf = (p: Published): { dsseEnvelope?: { payload: string } } => JSON.parse(p.bundle?.bytes.toString() ?? '{}') as { dsseEnvelope?: { payload: string } }
const statementOf = (p: Published): StatementJson => JSON.parse(Buffer.from(bundleOf(p).dsseEnvelope?.payload ?? '', 'base64').toString()) as StatementJson

describe('packing', () => {
  let dir: string
  beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'world-test-'))))
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test('the same plugin gives the same bytes, in whatever order its files are named', () => {
    const [a, b] = [{ 'a.js': '1', 'b/c.js': '2', 'B.js': '3' }, { 'B.js': '3', 'b/c.js': '2', 'a.js': '1' }]
    const one = packPlugin({ id: 'ga', version: '1.0.0', files: a })
    expect(packPlugin({ id: 'ga', version: '1.0.0', files: b })).toEqual(one)
    expect(packPlugin({ id: 'ga', version: '1.0.1', files: a })).not.toEqual(one)
    expect(sha256(gunzipSync(one))).toBe('sha256:34e1800c45703921c067cab772b950a26fbf6af1cd18c9a1c0eb65af018e37a1')
  })

  test('tar reads it: package/ first, sorted by code unit, modes 644 and 755, date 1970', async () => {
    const long = `${'deep/'.repeat(30)}file.js`
    await writeFile(join(dir, 'a.tgz'), packPlugin({ id: 'ga', version: '1.0.0', files: { 'bin/run': 'x', 'README.md': 'r', [long]: 'd', 'index.js': undefined } }))
    const seen: string[] = []
    await tar.list({ file: join(dir, 'a.tgz'), strict: true, onReadEntry: (e) => void seen.push(`${(e.mode ?? 0).toString(8)} ${e.mtime?.getTime()} ${e.path}`) })
    expect(seen).toEqual(['644 0 package/README.md', '755 0 package/bin/run', `644 0 package/${long}`, '644 0 package/manifest.json', '644 0 package/package.json'])
    const { stdout } = await run('tar', ['-tzf', join(dir, 'a.tgz')])
    expect(stdout.trim().split('\n')).toHaveLength(5)
  })

  test('a folder on disk becomes files; a version lies over the base', async () => {
    await mkdir(join(dir, 'base/lib'), { recursive: true })
    await mkdir(join(dir, 'over'), { recursive: true })
    await Promise.all([writeFile(join(dir, 'base/a'), '1'), writeFile(join(dir, 'base/lib/b'), '1'), writeFile(join(dir, 'over/a'), '2')])
    const files = await filesOfFolders(join(dir, 'base'), join(dir, 'over'))
    expect(Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, bytes.toString()]))).toEqual({ a: '2', 'lib/b': '1' })
  })

  test('a manifest among the files counts, and can be laid over; one that is no JSON is packed as it is', () => {
    const files = { 'manifest.json': '{"id":"ga","version":"1.0.0","type":"analytics"}' }
    expect(manifestOf({ id: 'ga', version: '1.0.0', files })).toMatchObject({ type: 'analytics' })
    const over = { id: 'ga', version: '1.1.0', files, manifest: { version: '1.1.0' } }
    expect(JSON.parse(String(packageFiles(over)['manifest.json']))).toEqual({ id: 'ga', version: '1.1.0', type: 'analytics' })
    expect(packageFiles({ id: 'ga', version: '1.0.0', files: { 'manifest.json': '{' } })['manifest.json']).toBe('{')
    expect(packageFiles({ id: 'ga', version: '1.0.0', files: { 'manifest.json': undefined } })).not.toHaveProperty('manifest.json')
  })

  test('an archive can be as hostile as a test wants', async () => {
    const members = [{ path: '../up' }, { path: '/abs' }, { path: 'package/link', type: 'SymbolicLink', linkpath: '/etc/passwd' }, { path: 'package/dev', type: 'CharacterDevice' }, { path: 'package/suid', mode: 0o4755 }] as const
    await writeFile(join(dir, 'evil.tgz'), tgz(members))
    const seen: string[] = []
    await tar.list({ file: join(dir, 'evil.tgz'), onReadEntry: (e) => void seen.push(`${e.type} ${(e.mode ?? 0).toString(8)} ${e.path} ${e.linkpath ?? ''}`.trim()) })
    expect(seen).toEqual(['File 644 ../up', 'File 644 /abs', 'SymbolicLink 644 package/link /etc/passwd', 'CharacterDevice 644 package/dev', 'File 4755 package/suid'])
  })
})

describe('publishing', () => {
  let world: World
  beforeAll(async () => void (world = await startWorld()))
  afterAll(() => world.close())
  const identity = (p: Published, root: unknown = world.sigstore.trustedRoot): string | undefined => verified(bundleOf(p), root).identity?.subjectAlternativeName

  test('a good release: commit, tag, archive and provenance say the same', async () => {
    const at = new Date('2025-05-06T07:08:09Z')
    const p = await world.publish({ id: 'good', version: '1.2.3', at })
    const { predicateType, subject, predicate } = statementOf(p)
    expect([predicateType, subject[0]?.name, subject[0]?.digest.sha256]).toEqual(['https://slsa.dev/provenance/v1', 'good-1.2.3.tgz', hexOf(p.artifact.sha256)])
    expect(predicate.buildDefinition?.resolvedDependencies[0]?.digest.gitCommit).toBe(p.commit)
    const signer = verified(bundleOf(p), world.sigstore.trustedRoot)
    expect([13, 14, 15, 17].map((arc) => oidOf(signer, arc))).toEqual([p.commit, 'refs/tags/v1.2.3', String(p.repository.id), String(p.repository.owner.id)])
    expect([p.release.publishedAt, p.publishedAt]).toEqual([at, at])
    expect(p.repository.git.resolve('refs/tags/v1.2.3')).toBe(p.commit)
  })

  test('is the same in another world: ids, commits, archives, but not keys', async () => {
    const other = await startWorld()
    const [a, b] = await Promise.all([world, other].map((w) => w.publish({ id: 'same', version: '1.0.0' })))
    await other.close()
    const fixed = (p: Published | undefined): unknown => [p?.repository.id, p?.repository.owner.id, p?.commit, p?.artifact.sha256, p?.release.id, p?.release.assets.map(({ id }) => id)]
    expect(fixed(a)).toEqual(fixed(b))
    expect(a?.bundle?.sha256).not.toBe(b?.bundle?.sha256)
  })

  test('several plugins in one repository, each with its folder and tags, whatever the order of the calls', async () => {
    const plans = ['a', 'b', 'c'].map((id) => ({ id: `many-${id}`, version: '1.0.0', repository: 'acme/many', path: `plugins/many-${id}` }))
    const all = await Promise.all(plans.map((plan) => world.publish(plan)))
    expect(all.map(({ tag }) => tag)).toEqual(['many-a@1.0.0', 'many-b@1.0.0', 'many-c@1.0.0'])
    expect(new Set(all.map(({ repository }) => repository)).size).toBe(1)
    const content = await fetch(`${world.apiUrl}/repos/acme/many/contents/plugins?ref=${encodeURIComponent('many-c@1.0.0')}`)
    expect(((await content.json()) as { name: string }[]).map(({ name }) => name)).toEqual(['many-a', 'many-b', 'many-c'])
    const release = await fetch(`${world.apiUrl}/repos/acme/many/releases/tags/${encodeURIComponent('many-b@1.0.0')}`)
    expect(await release.json()).toMatchObject({ tag_name: 'many-b@1.0.0' })
    for (const p of all) expect((await fetch(p.artifact.url)).status).toBe(200)
  })

  test('the bundle in the attestations API: inline, behind a snappy URL, or both asset and API', async () => {
    const ask = async (p: Published, query = ''): Promise<{ status: number; body: { attestations: { bundle: unknown; bundle_url: string }[] } }> => {
      const response = await fetch(`${world.apiUrl}/repos/${p.repository.owner.login}/${p.repository.name}/attestations/${p.artifact.sha256}${query}`)
      return { status: response.status, body: (await response.json()) as { attestations: { bundle: unknown; bundle_url: string }[] } }
    }
    const inline = await world.publish({ id: 'inline', version: '1.0.0', bundleIn: 'api' })
    expect(inline.release.assets.map(({ name }) => name)).toEqual(['inline-1.0.0.tgz'])
    verified((await ask(inline)).body.attestations[0]?.bundle, world.sigstore.trustedRoot)
    expect((await ask(inline, '?predicate_type=provenance')).status).toBe(200)
    expect((await ask(inline, '?predicate_type=sbom')).status).toBe(404)

    const byUrl = await world.publish({ id: 'by-url', version: '1.0.0', bundleIn: 'api-url' })
    const { body } = await ask(byUrl)
    expect(body.attestations[0]?.bundle).toBeNull()
    // The one known difference to the published description, which is older than this answer.
    expect(objections('/repos/{owner}/{repo}/attestations/{subject_digest}', 200, body)).toEqual(['/attestations/0/bundle must be object'])
    const response = await fetch(body.attestations[0]?.bundle_url ?? '')
    const file = JSON.parse(unsnappy(Buffer.from(await response.arrayBuffer())).toString()) as unknown
    expect(response.headers.get('content-type')).toBe('application/x-snappy')
    verified(file, world.sigstore.trustedRoot)

    const both = await world.publish({ id: 'both', version: '1.0.0', bundleIn: 'both' })
    expect(both.release.assets).toHaveLength(2)
    expect((await ask(both)).status).toBe(200)
    const none = await world.publish({ id: 'none', version: '1.0.0', bundleIn: 'nowhere' })
    expect([none.release.assets.length, (await ask(none)).status]).toEqual([1, 404])
  })

  test('what can be wrong with a release', async () => {
    const unsigned = await world.publish({ id: 'w-unsigned', version: '1.0.0', signed: 'no' })
    expect([unsigned.bundle, unsigned.release.assets.length]).toEqual([undefined, 1])
    const bare = await world.publish({ id: 'w-bare', version: '1.0.0', withoutArtifact: true })
    expect([(await fetch(bare.artifact.url)).status, bare.artifact.apiUrl]).toEqual([404, undefined])
    const altered = await world.publish({ id: 'w-altered', version: '1.0.0', alter: (bytes) => Buffer.concat([bytes, Buffer.of(0)]) })
    expect(statementOf(altered).subject[0]?.digest.sha256).not.toBe(hexOf(altered.artifact.sha256))
    const swapped = await world.publish({ id: 'w-swapped', version: '1.0.0', bundle: ({ sigstore, run: by }) => sigstore.attest(Buffer.from('other'), by) })
    expect(statementOf(swapped).subject[0]?.digest.sha256).toBe(hexOf(sha256('other')))
    const plain = await world.publish({ id: 'w-plain', version: '1.0.0', signed: 'artifact' })
    expect(bundleOf(plain)).toHaveProperty('messageSignature')
    const attested = await world.publish({ id: 'w-attested', version: '1.0.0', signed: 'statement' })
    expect(statementOf(attested).predicateType).toBe('https://in-toto.io/attestation/release/v0.1')
    const stranger = new Sigstore()
    const untrusted = await world.publish({ id: 'w-untrusted', version: '1.0.0', signer: stranger })
    expect(() => identity(untrusted)).toThrow()
    expect(identity(untrusted, stranger.trustedRoot)).toContain('acme/w-untrusted')
    const garbage = await world.publish({ id: 'w-garbage', version: '1.0.0', bundle: () => Buffer.from('{') })
    expect(garbage.bundle?.bytes.toString()).toBe('{')
  })

  test('signed by somebody else', async () => {
    const san = async (id: string, by: Parameters<World['publish']>[0]['run']): Promise<string | undefined> => identity(await world.publish({ id, version: '1.0.0', ...(by ? { run: by } : {}) }))
    expect(await san('o-repo', { repository: 'evil/o-repo' })).toBe('https://github.com/evil/o-repo/.github/workflows/release.yml@refs/tags/v1.0.0')
    expect(await san('o-flow', { workflow: '.github/workflows/ci.yml' })).toBe('https://github.com/acme/o-flow/.github/workflows/ci.yml@refs/tags/v1.0.0')
    expect(await san('o-ref', { ref: 'refs/heads/main' })).toBe('https://github.com/acme/o-ref/.github/workflows/release.yml@refs/heads/main')
    expect(await san('o-used', { reusable: 'b/c/.github/workflows/d.yml@refs/tags/v1' })).toBe('https://github.com/b/c/.github/workflows/d.yml@refs/tags/v1')
  })

  test('a publisher replaces an asset, deletes a release, drafts one', async () => {
    const p = await world.publish({ id: 'mutable', version: '1.0.0' })
    world.github.replaceAsset(p.release, p.artifact.name, Buffer.from('new'))
    expect(await (await fetch(p.artifact.url)).text()).toBe('new')
    expect((await fetch(p.artifact.apiUrl ?? '')).status).toBe(404)
    world.github.deleteRelease(p.repository, p.release)
    expect((await fetch(p.artifact.url)).status).toBe(404)
    const draft = await world.publish({ id: 'mutable', version: '1.1.0', draft: true })
    expect((await fetch(draft.artifact.url)).status).toBe(404)
    expect(await (await fetch(`${world.apiUrl}/repos/acme/mutable/releases`)).json()).toEqual([])
  })
})

describe('a world', () => {
  test('leaves nothing behind', async () => {
    const world = await startWorld()
    const { repository } = await world.publish({ id: 'gone', version: '1.0.0' })
    await stat(repository.git.dir)
    await world.close()
    await expect(stat(repository.git.dir)).rejects.toThrow('ENOENT')
    await expect(fetch(world.url)).rejects.toThrow()
  })
})

/** The other half of snappy, for what our encoder writes; checked against google/snappy's format description. */
function unsnappy(bytes: Buffer): Buffer {
  let at = 0
  while ((bytes[at++] ?? 0) >= 0x80);
  const out: number[] = []
  while (at < bytes.length) {
    const tag = bytes[at++] ?? 0
    const length = (tag >> 2) + 1
    if ((tag & 3) === 0) for (const byte of bytes.subarray(at, (at += length))) out.push(byte)
    else {
      const from = out.length - bytes.readUInt16LE(at)
      for (let i = 0; i < length; i++) out.push(out[from + i] ?? 0)
      at += 2
    }
  }
  return Buffer.from(out)
}
