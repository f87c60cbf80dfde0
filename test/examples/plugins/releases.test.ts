import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exampleReleases, exampleReleasesOf, type ExampleRelease } from '../../../examples/plugins/releases.ts'
import { contractProblem, type Plugin, type PluginHost } from '../../../sandbox/contracts.ts'
import { createProbe } from '../../../sandbox/probe.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { checkConfig } from '../../../schemas/config-schema.ts'
import { readManifest } from '../../../schemas/manifest-file.ts'
import { tagsFor } from '../../../schemas/names.ts'
import { normalizePermissions, permissionExcess } from '../../../schemas/permissions.ts'
import { readPluginSet } from '../../../schemas/plugin-set-file.ts'
import { compareVersions, satisfies } from '../../../schemas/versions.ts'
import { validate } from '../../../validator/validate.ts'
import { hostFor } from './host.ts'
import { openRelease } from './open.ts'

const RELEASES = exampleReleases()
const NAMED = RELEASES.map((release): [string, ExampleRelease] => [`${release.id}@${release.version}`, release])
const manifestOf = ({ id, version, files }: ExampleRelease) => readManifest(files.get('manifest.json') ?? new Uint8Array(), `${id}@${version}/manifest.json`)
const textOf = ({ files }: ExampleRelease, path: string) => Buffer.from(files.get(path) ?? []).toString('utf8')

describe.each(NAMED)('%s', (_, release) => {
  test('has a manifest that says who it is', () => {
    const manifest = manifestOf(release)
    expect(manifest).toMatchObject({ id: release.id, version: release.version })
    expect(JSON.parse(textOf(release, 'package.json'))).toMatchObject({ version: release.version, main: manifest.main, type: 'module', license: manifest.license })
  })

  test('passes the validator without a word', () => {
    const files = [...release.files].map(([path, bytes]) => ({ path, mode: '100644', size: bytes.length }))
    expect(validate({ files, read: (path) => release.files.get(path), manifest: manifestOf(release) }, { everyTree: true })).toEqual([])
  })

  test('starts from nothing, keeps its type’s promise, and hooks only what it asks for', async () => {
    const { manifest, createPlugin } = await openRelease(release.id, release.version)
    const plugin: Plugin = await createPlugin(NOTHING)
    const members = Object.fromEntries(Object.entries(plugin).map(([name, value]) => [name, typeof value]))
    expect(contractProblem(manifest.type, members)).toBeUndefined()
    expect(await plugin.health()).toEqual({ ok: true })
    expect(Object.keys(plugin.hooks ?? {}).sort()).toEqual(normalizePermissions(manifest.permissions).hooks)
    expect((await createPlugin(hostFor(manifest))).health).toBeTypeOf('function')
  })

  test('tells a reader what it does, needs, costs and knows about people', () => {
    const readme = textOf(release, 'README.md')
    for (const heading of ['What it does', 'What it needs', 'What it costs', 'Personal data', 'Licence']) expect(readme).toContain(`\n## ${heading}\n`)
    for (const host of normalizePermissions(manifestOf(release).permissions).api) expect(readme).toContain(host)
    for (const hook of normalizePermissions(manifestOf(release).permissions).hooks) expect(readme).toContain(hook)
    expect(textOf(release, 'CHANGELOG.md').split('\n## ')[1]).toMatch(`${release.version} (${release.publishedAt.slice(0, 10)})`)
  })
})

describe.each(NAMED)('the example in the README of %s', (_, release) => {
  const yaml = /```yaml\n([^]*?)```/.exec(textOf(release, 'README.md'))?.[1] ?? ''
  const { set } = readPluginSet(`apiVersion: catalyst.dev/v1\nkind: PluginSet\nstore: { id: acme }\n${yaml}`, 'README.md')
  const entry = set.plugins[release.id]
  const manifest = manifestOf(release)

  test('can be pasted into plugins.yaml and takes this version', () => {
    expect(satisfies(release.version, entry?.version ?? '', entry?.channel === 'beta')).toBe(true)
    expect(Object.keys(set.plugins).sort()).toEqual([release.id, ...Object.keys(manifest.dependencies ?? {})].sort())
  })

  test('grants what is asked, and nothing else', () => {
    expect(normalizePermissions(entry?.permissions)).toEqual(normalizePermissions(manifest.permissions))
  })

  test('has a config that the manifest’s schema takes', () => {
    expect(checkConfig(manifest.config ?? {}, entry?.config ?? {})).toEqual([])
  })
})

describe('the plugins.yaml of the first page', () => {
  const yaml = /```yaml schema=plugins\n([^]*?)```/.exec(readFileSync(resolve(import.meta.dirname, '../../../README.md'), 'utf8'))?.[1] ?? ''
  const { set } = readPluginSet(yaml, 'README.md')

  test.each(Object.entries(set.plugins))('lets the newest release of %s that fits its grant run', (id, entry) => {
    const fits = (manifest: ReturnType<typeof manifestOf>) => satisfies(manifest.version, entry.version ?? '*') && permissionExcess(normalizePermissions(manifest.permissions), normalizePermissions(entry.permissions)).length === 0
    const manifest = exampleReleasesOf(id).map(manifestOf).filter(fits).toSorted((a, b) => compareVersions(b.version, a.version))[0]
    expect(manifest?.version).toBe('2.1.1')
    expect(checkConfig(manifest?.config ?? {}, entry.config ?? {})).toEqual([])
  })
})

test('the real probe lets every release live', async () => {
  const probe = createProbe()
  const opened = await Promise.all(RELEASES.map(({ id, version }) => openRelease(id, version)))
  await Promise.all(opened.map(({ folder, manifest: { id, version, main, type } }) => probe.run({ id, version, dir: folder, tree: sha256(id), main, type, publisher: 'examples' }, {})))
})

describe('the histories', () => {
  test('are the same bytes each time, and these', () => {
    const digest = (releases: readonly ExampleRelease[]) => releases.map((release) => createHash('sha256').update(JSON.stringify([release.tag, [...release.files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')])])).digest('hex'))
    expect(digest(exampleReleases())).toEqual(digest(RELEASES))
    expect(NAMED.map(([name]) => name)).toEqual([
      'flat-rate-shipping@1.0.0', 'flat-rate-shipping@1.1.0-beta.1', 'google-analytics@1.0.0', 'google-analytics@1.1.0',
      'loyalty-points@1.0.0', 'loyalty-points@1.1.0', 'loyalty-points@2.0.0', 'message-templates@1.0.0', 'message-templates@1.1.0',
      'order-sms@1.0.0', 'order-sms@1.1.0', 'order-sms@1.2.0', 'product-feed@1.0.0', 'product-feed@1.0.1',
      'stripe-payments@2.0.0', 'stripe-payments@2.1.0', 'stripe-payments@2.1.1', 'stripe-payments@2.2.0', 'stripe-payments@3.0.0',
    ])
  })

  test('rise in time, with tags that name the version and ids that belong to one repository each', () => {
    for (const id of new Set(RELEASES.map((release) => release.id))) {
      const dates = exampleReleasesOf(id).map(({ publishedAt }) => publishedAt)
      expect(dates).toEqual(dates.toSorted())
    }
    for (const { id, version, tag, path } of RELEASES) {
      expect(tagsFor(id, version)).toContain(tag)
      expect(tag.startsWith('v')).toBe(path === undefined)
    }
    const repositories = new Set(RELEASES.map(({ owner, ownerId, repo, repositoryId }) => `${owner}/${repo} ${repositoryId} ${ownerId}`))
    expect(repositories.size).toBe(new Set(RELEASES.map(({ owner, repo }) => `${owner}/${repo}`)).size)
    expect(repositories.size).toBe(new Set(RELEASES.map(({ repositoryId }) => repositoryId)).size)
  })

  test('never change a migration that was published', () => {
    for (const release of RELEASES) {
      const newest = exampleReleasesOf(release.id).at(-1)
      const ids = manifestOf(release).migrations ?? []
      expect(newest && manifestOf(newest).migrations?.slice(0, ids.length)).toEqual(newest && (manifestOf(newest).migrations ? ids : undefined))
      for (const path of [...release.files.keys()].filter((name) => name.startsWith('migrations/'))) expect(textOf(release, path)).toBe(newest && textOf(newest, path))
    }
  })

  test('ask for more in one release only, and break where the major says so', () => {
    const excess = RELEASES.flatMap((release) => {
      const releases = exampleReleasesOf(release.id)
      const before = releases[releases.findIndex(({ version }) => version === release.version) - 1]
      const more = before ? permissionExcess(normalizePermissions(manifestOf(release).permissions), normalizePermissions(manifestOf(before).permissions)) : []
      return more.length > 0 ? [[`${release.id}@${release.version}`, more]] : []
    })
    expect(excess).toEqual([['stripe-payments@2.2.0', [{ kind: 'api', what: 'files.stripe.com:443' }, { kind: 'database', what: 'customers: read' }]]])
  })

  test('is empty for a plugin that is not there', () => {
    expect(exampleReleasesOf('nothing')).toEqual([])
  })
})

test('every release type-checks against the contract', () => {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-releases-'))
  try {
    for (const [name, { files }] of NAMED) {
      for (const [path, bytes] of files) {
        mkdirSync(dirname(join(folder, name, path)), { recursive: true })
        writeFileSync(join(folder, name, path), bytes)
      }
    }
    const root = resolve(import.meta.dirname, '../../..')
    const paths = { '@catalyst/plugins/contracts': [join(root, 'sandbox/contracts.ts')] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(root, 'examples/plugins/tsconfig.json'), compilerOptions: { paths, typeRoots: [join(root, 'node_modules/@types')] }, include: ['*/*.js'] }))
    const tsc = join(root, 'node_modules/.bin/tsc')
    expect(() => execFileSync(tsc, ['-p', folder], { encoding: 'utf8', stdio: 'pipe' })).not.toThrow()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

/** What a probe gives: no config, and a no to everything. */
const NO = (): never => {
  throw Object.assign(new Error('refused at a probe'), { code: 'CAPABILITY_DENIED' })
}
const NOTHING: PluginHost = {
  config: Object.freeze({}),
  http: { fetch: NO },
  db: { table: NO, query: NO, run: NO, transaction: NO },
  files: { read: NO, write: NO, list: NO },
  plugins: { call: NO },
  log: { info: NO, warn: NO, error: NO },
  now: NO,
}
