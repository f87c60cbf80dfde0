import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

/* Holds the table of ARCHITECTURE.md: who may import whom, and which file is the door to which foreign package. */

const ROOT = resolve(import.meta.dirname, '..')

/** Folder -> folders of ours that it may import. The longest match wins. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  registry: ['schemas', 'reconciler/ports.ts'],
  validator: ['schemas'],
  reconciler: ['schemas'],
  'reconciler/plan': ['schemas', 'reconciler/ports.ts', 'reconciler/data-ports.ts'],
  'reconciler/resolve': ['schemas', 'reconciler/plan/desired.ts', 'reconciler/ports.ts'],
  'reconciler/lock': ['schemas', 'reconciler/plan', 'reconciler/resolve', 'reconciler/ports.ts'],
  'reconciler/apply': ['schemas', 'reconciler/data-ports.ts', 'reconciler/tables/migration-files.ts', 'reconciler/plan', 'reconciler/state', 'reconciler/lock', 'reconciler/ports.ts'],
  'reconciler/state': ['schemas', 'reconciler/ports.ts'],
  'reconciler/store-db': ['schemas', 'reconciler/ports.ts', 'reconciler/data-ports.ts'],
  'reconciler/tables': ['schemas', 'reconciler/ports.ts', 'reconciler/data-ports.ts', 'reconciler/store-db'],
  'reconciler/backup': ['schemas', 'reconciler/ports.ts', 'reconciler/data-ports.ts', 'reconciler/store-db', 'reconciler/state/disk.ts', 'reconciler/tables'],
  catalog: ['schemas', 'registry', 'validator', 'reconciler/ports.ts'],
  sandbox: ['schemas', 'reconciler/ports.ts', 'reconciler/state'],
  api: ['schemas', 'catalog'],
  'examples/world': ['schemas'],
  'examples/plugins': ['schemas', 'sandbox/contracts.ts'],
  cli: ['schemas', 'registry', 'validator', 'reconciler', 'catalog', 'sandbox', 'api', 'cli'],
}

/** Foreign package -> the only files that may import it. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  yaml: ['schemas/yaml.ts'],
  ajv: ['schemas/ajv.ts'],
  semver: ['schemas/versions.ts'],
  canonicalize: ['schemas/digest.ts'],
  octokit: ['registry/github.ts'],
  'isomorphic-git': ['registry/git.ts'],
  'tuf-js': ['registry/tuf-updater.ts'],
  '@tufjs/models': ['catalog/tuf/metadata.ts'],
  '@tufjs/canonical-json': ['catalog/tuf/metadata.ts'],
  'age-encryption': ['catalog/tuf/key-file.ts', 'catalog/tuf/passphrase.ts'],
  tar: ['reconciler/backup/data-folder.ts'],
  'oxc-parser': ['validator/parse.ts'],
  commander: ['cli/program.ts', 'cli/command-group.ts', 'cli/registry-commands.ts'],
  'node:sqlite': ['reconciler/store-db/sqlite-connection.ts', 'reconciler/store-db/serial.ts'],
  pg: ['reconciler/store-db/postgres-connection.ts', 'reconciler/tables/postgres-session.ts', 'reconciler/backup/postgres-copy.ts', 'catalog/db/open.ts'],
  kysely: ['catalog/db/better-sqlite3.d.ts', 'catalog/db/tables.ts', 'catalog/db/migrations.ts', 'catalog/db/open.ts', 'catalog/db/session.ts', 'catalog/db/rows.ts', 'catalog/db/sqlite.ts'],
  'better-sqlite3': ['catalog/db/sqlite.ts'],
  pino: ['api/log.ts'],
  'prom-client': ['api/metrics.ts'],
  'rate-limiter-flexible': ['api/rate-limit.ts'],
  jose: ['api/auth/github-oidc.ts'],
  '@octokit/webhooks': ['api/routes/webhooks.ts'],
  'pg-copy-streams': ['reconciler/tables/postgres-session.ts', 'reconciler/backup/postgres-copy.ts'],
}

const FOLDERS = ['schemas', 'registry', 'validator', 'reconciler', 'catalog', 'sandbox', 'api', 'cli', 'examples/world', 'examples/plugins']

const files = FOLDERS.flatMap((folder) => sources(join(ROOT, folder)))

describe('imports point to the calm side', () => {
  test.each(files)('%s', (file) => {
    const wrong = importsOf(file).filter(({ target }) => target !== undefined && !allowed(file, target))
    expect(wrong.map((w) => `${file} imports ${w.target}`)).toEqual([])
  })
})

describe('one foreign package has one door', () => {
  test.each(Object.entries(DOORS))('%s', (name, doors) => {
    const users = files.filter((file) => !file.startsWith('examples/') && importsOf(file).some((i) => i.name === name || i.name.startsWith(`${name}/`)))
    expect(users.filter((file) => !doors.includes(file))).toEqual([])
  })
})

describe('the pure rooms stay pure', () => {
  test.each(files.filter((f) => /^reconciler\/(plan|resolve)\//.test(f) || (f.startsWith('schemas/') && !/schemas\/(emit|errors-page)/.test(f))))('%s', (file) => {
    const impure = importsOf(file).map((i) => i.name).filter((name) => name.startsWith('node:') && !['node:crypto', 'node:buffer', 'node:util'].includes(name))
    const text = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    const words = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.|\bfetch\(|\brandomUUID\(/.exec(text)
    expect([...impure, ...(words ? [words[0]] : [])]).toEqual([])
  })
})

test('no file is named for what it does not say, and none only passes on', () => {
  expect(files.filter((f) => /\b(utils?|helpers?|manager|misc|common-functions)\b|\/index\.ts$/.test(f))).toEqual([])
})

test('what test files share has no hook of its own: they share processes too, and it would run for the first of them alone', () => {
  const shared = sources(join(ROOT, 'test')).filter((f) => !f.endsWith('.test.ts'))
  expect(shared.length).toBeGreaterThan(30)
  expect(shared.filter((f) => /^(before|after)(All|Each)\(/m.test(readFileSync(join(ROOT, f), 'utf8')))).toEqual([])
})

test('folders of sources are two levels deep at most', () => {
  expect(files.filter((f) => !f.startsWith('examples/') && f.split('/').length > 3)).toEqual([])
})

describe('the package', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<'dependencies' | 'devDependencies', Record<string, string>> & { readonly license: string; readonly engines: { readonly node: string } }
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies }

  test('asks for exact versions, and the lockfile has these', () => {
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { readonly packages: Record<string, { readonly version: string; readonly integrity?: string }> }
    for (const [name, version] of Object.entries(wanted)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/)
      expect(lock.packages[`node_modules/${name}`], name).toMatchObject({ version, integrity: expect.stringMatching(/^sha512-/) })
    }
  })

  test('brings the Node that it needs, under the licence that it has', () => {
    expect(manifest.engines.node).toBe(`>=${wanted['node']?.split('.')[0]}`)
    expect(manifest.license).toBe('Apache-2.0')
    expect(readFileSync(join(ROOT, 'LICENSE'), 'utf8')).toContain('Apache License')
  })
})

/** The two places that may import everything: a store's, and a registry's. */
const COMPOSE: readonly string[] = ['cli/compose.ts', 'cli/compose-registry.ts']

test('nothing but the two compose files of cli/ wires parts to their adapters', () => {
  const wiring = files.filter((f) => f.startsWith('cli/') && !COMPOSE.includes(f) && importsOf(f).some((i) => /^(registry|sandbox)\//.test(i.target ?? '')))
  expect(wiring.filter((f) => !WIRED_BY_COMPOSE.includes(f))).toEqual([])
})

/** Parts of compose.ts that are files of their own: two because they are ideas of their own, the others because a thread runs them. */
const WIRED_BY_COMPOSE: readonly string[] = ['cli/registries.ts', 'cli/compose-ingest.ts', 'cli/inspect.ts', 'cli/inspections.ts', 'cli/remembering-probe.ts', 'cli/proof-jobs.ts', 'cli/proof-worker.ts', 'cli/proofs.ts']

function allowed(file: string, target: string): boolean {
  const room = Object.keys(MAY_IMPORT).filter((r) => file.startsWith(`${r}/`)).sort((a, b) => b.length - a.length)[0]
  if (room === undefined) return false
  if (target.startsWith(`${room}/`)) return true
  if (COMPOSE.includes(file)) return true
  return (MAY_IMPORT[room] ?? []).some((to) => target === to || target.startsWith(`${to}/`))
}

function importsOf(file: string): readonly { readonly name: string; readonly target: string | undefined }[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const names = [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^'"\n;]*?(?:\{[^}]*\}[^'"\n;]*?)?\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g)]
  return names.map((m) => {
    const name = m[1] ?? m[2] ?? m[3] ?? ''
    const target = name.startsWith('.') ? relative(ROOT, resolve(dirname(join(ROOT, file)), name)).split(sep).join('/') : undefined
    return { name, target }
  })
}

function sources(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.ts') && !f.includes('node_modules'))
      .map((f) => relative(ROOT, join(folder, f)).split(sep).join('/'))
      .sort()
  } catch {
    return []
  }
}
