import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtClone } from './builders/clone.ts'
import { runProcess, type Ended } from './builders/process.ts'

/* What `npm pack` makes is whole, has nothing in it that is not for users, and works when installed into an empty project. */

const ROOT = resolve(import.meta.dirname, '..')
/** Files that lie about while one works; none of them may be published. */
const LEFT_LYING = ['.env', 'dist/compile-cache/v26/1.cache', 'snapshot.pem', 'store.db', '.catalyst/journal', 'dist/chunk-OLD.js', 'docs/notes.ts', 'schemas/draft.json', 'bin/debug.mjs']
const NOT_BUNDLED = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])

interface Packed {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}

let dir: string
let clone: string
let project: string
let packed: Packed
let manifest: { readonly version: string; readonly dependencies: Versions; readonly peerDependencies: Versions; readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>> }
type Versions = Readonly<Record<string, string>>
let texts: ReadonlyMap<string, string>

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'catalyst-pack-'))
  clone = await builtClone(dir)
  for (const path of LEFT_LYING) {
    mkdirSync(dirname(join(clone, path)), { recursive: true })
    writeFileSync(join(clone, path), 'TOP-SECRET')
  }
  const { exit, out, err } = await npm(clone, 'pack', '--json', '--pack-destination', dir)
  expect({ exit, err: exit === 0 ? '' : err }).toEqual({ exit: 0, err: '' })
  // npm prints an object by name, older ones a list; the output of scripts may stand before it.
  const answer = JSON.parse(out.slice(out.search(/^[[{]/m))) as readonly Packed[] | Record<string, Packed>
  packed = Object.values(answer)[0]!
  project = join(dir, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "name": "my-shop", "private": true }')
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** npm with the Node of this test first, and with nothing of the npm that may have started this test but where its cache and registry are. */
function npm(cwd: string, ...args: string[]): Promise<Ended> {
  const kept = Object.entries(process.env).filter(([key]) => !key.startsWith('npm_') || /^npm_config_(cache|registry|userconfig)$/.test(key))
  return runProcess(['npm', ...args], { cwd, env: { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`, NODE_OPTIONS: '' } })
}

describe('the tarball', () => {
  test('holds what users need and nothing else', () => {
    const allowed = /^(package\.json|LICENSE|NOTICE|README\.md|CHANGELOG\.md|bin\/catalyst\.cjs|dist\/[\w.-]+\.(js|cjs|txt)|schemas\/[a-z-]+\.schema\.json|docs\/([\w-]+\/)*[\w.-]+\.(md|svg))$/
    const paths = packed.files.map((file) => file.path)
    expect(paths.filter((path) => !allowed.test(path) || LEFT_LYING.includes(path))).toEqual([])
    expect(paths).toEqual(expect.arrayContaining(['package.json', 'LICENSE', 'NOTICE', 'bin/catalyst.cjs', 'dist/fast.cjs', 'dist/catalyst.cjs', 'dist/proof-worker.cjs', 'dist/probe-child.js', 'dist/THIRD-PARTY-LICENSES.txt', 'docs/errors.md', 'docs/glossary.md']))
    const schemas = readdirSync(join(ROOT, 'schemas')).filter((name) => name.endsWith('.schema.json')).map((name) => `schemas/${name}`)
    expect(schemas.length).toBeGreaterThanOrEqual(6)
    expect(paths).toEqual(expect.arrayContaining(schemas))
  })

  test('is small', () => {
    console.log(`packed ${(packed.size / 1e3).toFixed(0)} KB, unpacked ${(packed.unpackedSize / 1e6).toFixed(2)} MB, ${packed.files.length} files`)
    expect(packed.size).toBeLessThan(1_500_000)
  })
})

describe('installed into an empty project', () => {
  beforeAll(async () => {
    const started = performance.now()
    // Scripts are off: careful users and CI have them off, so nothing may need one.
    const { exit, err } = await npm(project, 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', join(dir, packed.filename))
    expect({ exit, err: exit === 0 ? '' : err }).toEqual({ exit: 0, err: '' })
    const packages = Object.keys(JSON.parse(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8')).packages)
    console.log(`npm install: ${((performance.now() - started) / 1e3).toFixed(1)} s, ${packages.length} packages: ${packages.map((p) => p.replace('node_modules/', '')).join(', ')}`)
    const home = join(project, 'node_modules/@catalyst/plugins')
    manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((row) => row.isFile())
    texts = new Map(files.map((row) => [join(row.parentPath, row.name).slice(home.length + 1), readFileSync(join(row.parentPath, row.name), 'utf8')]))
    cpSync(join(ROOT, 'examples/registry'), join(project, 'mirror'), { recursive: true })
  })

  /** The installed command, by its own file and with an empty home. */
  async function catalyst(args: string, exit = 0): Promise<Ended> {
    const ended = await runProcess([join(project, 'node_modules/.bin/catalyst'), ...args.split(' ')], { cwd: project, env: { PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`, HOME: join(dir, 'home'), NO_COLOR: '1' } })
    expect(ended, ended.out + ended.err).toMatchObject({ exit })
    expect(ended.err).not.toMatch(/Warning/)
    return ended
  }

  test('it asks for exactly what the bundle leaves outside, by exact version', () => {
    const code = [...texts].filter(([path]) => path.startsWith('dist/')).map(([, text]) => text).join('\n')
    const names = [...code.matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*["'`]((?:@[\w.-]+\/)?[\w.-]+)["'`]/g)].map((m) => m[1]!)
    const outside = [...new Set(names)].filter((name) => !NOT_BUNDLED.has(name) && !name.startsWith('.'))
    // Of optional peers none is installed with a store: who keeps a registry's catalog in SQLite brings it (docs/adr/0017).
    const { dependencies, peerDependencies, peerDependenciesMeta } = manifest
    expect([...Object.keys(dependencies), ...Object.keys(peerDependencies)].sort()).toEqual(outside.sort())
    expect(Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true)).toEqual([])
    for (const version of Object.values({ ...dependencies, ...peerDependencies })) expect(version).toMatch(/^\d+\.\d+\.\d+$/)
  })

  test('every file that the bundle starts or loads by name is there', () => {
    const named = [...texts].flatMap(([path, text]) => (path.startsWith('dist/') ? [...text.matchAll(/["'`]\.\/([\w.-]+\.c?js)["'`]/g)].map((m) => `dist/${m[1]}`) : []))
    expect(named).toEqual(expect.arrayContaining(['dist/proof-worker.cjs', 'dist/probe-child.js']))
    expect([...new Set(named)].filter((path) => !texts.has(path))).toEqual([])
  })

  test('nothing of the machine that built it, and no secret', () => {
    const leaks = /TOP-SECRET|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]|\bgh[pousr]_[A-Za-z0-9]{20}|sourceMappingURL/
    // The packages of the clone are a link to this repository's own; a bundle names where its modules came from.
    const withoutLink = (text: string): string => text.replaceAll(`${ROOT.slice(1)}/node_modules/`, '')
    expect([...texts].filter(([, text]) => leaks.test(text) || [dir.slice(1), ROOT.slice(1)].some((path) => withoutLink(text).includes(path))).map(([path]) => path)).toEqual([])
  })

  test('the licences of all that is bundled come along', () => {
    const licences = texts.get('dist/THIRD-PARTY-LICENSES.txt') ?? ''
    for (const name of ['isomorphic-git', 'octokit', '@sigstore/verify', 'ajv', 'yaml', 'commander']) expect(licences).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'))
    expect(licences).not.toContain('GPL')
  })

  test('npx finds it', async () => {
    const { exit, out } = await npm(project, 'exec', '--no', '--', 'catalyst', '--version')
    expect([exit, out.trim()]).toEqual([0, manifest.version])
  })

  test('init, add, lock, plan, apply, status: a store from nothing, out of a registry in a folder', async () => {
    await catalyst('init --id my-shop --registry file:./mirror')
    const path = join(project, 'plugins.yaml')
    writeFileSync(path, readFileSync(path, 'utf8').replace('url: file:./mirror', '$&\n    sigstore: ./mirror/trusted-root.json'))
    await catalyst('add message-templates')
    await catalyst('add product-feed --yes')
    writeFileSync(path, readFileSync(path, 'utf8').replace(/ {2}product-feed:\n/, "$&    config: { title: My shop, link: 'https://shop.example' }\n"))
    await catalyst('lock --check --prove')
    expect((await catalyst('plan')).out).toContain('Plan: 2 to install')
    expect((await catalyst('apply')).out).toContain('2 applied. Generation 1 is live.')
    expect((await catalyst('plan')).out).toContain('No changes.')
    expect((await catalyst('status --check')).out).toContain('live, verified, files checked')
  })

  test('the schema that plugins.yaml names for editors is there', () => {
    const named = /\$schema=\.\/(\S+)/.exec(readFileSync(join(project, 'plugins.yaml'), 'utf8'))?.[1] ?? ''
    expect(JSON.parse(readFileSync(join(project, named), 'utf8'))).toMatchObject({ title: 'Catalyst plugins.yaml' })
  })

  test('verify proves an artifact by hand, and diff reads git', async () => {
    const [artifact] = readdirSync(join(project, 'mirror/artifacts')).filter((name) => name.startsWith('product-feed'))
    const proof = `verify mirror/artifacts/${artifact} --bundle mirror/bundles/${artifact}.sigstore.json --identity https://github.com/merchant-tools/catalyst-product-feed/.github/workflows/release.yml@refs/tags/v1.0.0 --issuer https://token.actions.githubusercontent.com`
    await catalyst(`${proof} --trusted-root mirror/trusted-root.json`)
    // Without a root of its own the public good's counts, which comes with the bundle.
    expect((await catalyst(proof, 5)).err).toContain('error[SIGNATURE_INVALID]')
    for (const args of [['init', '-q'], ['add', 'plugins.yaml', 'plugins.lock.yaml'], ['-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '-q', '-m', 'x']]) await runProcess(['git', ...args], { cwd: project, env: { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null' } })
    expect((await catalyst('diff')).out).toContain('No changes')
  })
})

describe('the launcher under an older Node', () => {
  const launcher = (): string => join(clone, 'bin/catalyst.cjs')
  const OLD = ['4.0.0', '18.20.8', '20.19.5', '25.9.0']

  test.each(OLD)('%s, pretended: NODE_TOO_OLD, the next command, and nothing of the bundle is loaded', async (version) => {
    const pretend = join(dir, `pretend-${version}.cjs`)
    writeFileSync(pretend, `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } }); Object.defineProperty(process, 'version', { value: 'v${version}' })
      process.on('exit', () => { if (Object.keys(require.cache).some((file) => file.includes('dist'))) console.error('LOADED') })`)
    const ended = await runProcess([process.execPath, '-r', pretend, launcher(), 'plan', '--detailed-exitcode'], { cwd: dir, env: {} })
    expect(ended).toEqual({ exit: 1, out: '', err: `error[NODE_TOO_OLD]: catalyst needs Node 26, this is v${version}\n  = help: npm install --save-dev node@26.10.0, then run: npx catalyst plan --detailed-exitcode\n` })
    const json = await runProcess([process.execPath, '-r', pretend, launcher(), '--json', 'plan'], { cwd: dir, env: {} })
    expect(JSON.parse(json.out)).toMatchObject({ formatVersion: 1, exit: 1, problems: [{ code: 'NODE_TOO_OLD' }] })
  })

  const older = olderNode()
  test.skipIf(older === undefined)(`a real one${older ? ` (${older.version})` : ', of which this machine has none'}`, async () => {
    const ended = await runProcess([older!.path, launcher(), 'plan'], { cwd: dir, env: {} })
    expect(ended).toMatchObject({ exit: 1, out: '', err: expect.stringContaining(`error[NODE_TOO_OLD]: catalyst needs Node 26, this is ${older!.version}`) })
  })

  test('the first line has no option that an old Node would stumble over, the rest no word that it could not read', () => {
    const text = readFileSync(join(ROOT, 'bin/catalyst.cjs'), 'utf8')
    expect(text.split('\n')[0]).toBe('#!/usr/bin/env node')
    expect(text).not.toMatch(/\?\.|\?\?|\bawait\b|\bimport\b|=>\s*\{[^}]*\bcatch\s*\{/)
    expect(statSync(join(ROOT, 'bin/catalyst.cjs')).mode & 0o111).not.toBe(0)
  })
})

/** A Node below 26 in the PATH of this machine, where there is one. */
function olderNode(): { readonly path: string; readonly version: string } | undefined {
  const places = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules')).map((folder) => join(folder, 'node'))
  for (const path of places.filter((place) => existsSync(place))) {
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()
    if (Number(version.slice(1).split('.')[0]) < 26) return { path, version }
  }
  return undefined
}
