import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as after } from 'node:timers/promises'
import { openCatalog } from '../catalog/db/store.ts'
import { sha256 } from '../schemas/digest.ts'
import { INDEX_LINE_VERSION, type IndexLine } from '../schemas/index-line.ts'
import { indexPath } from '../schemas/names.ts'
import { NO_PERMISSIONS } from '../schemas/permissions.ts'
import type { RegistryEntry } from '../schemas/registry-entry.ts'
import { writeIndexLine } from '../schemas/registry-files.ts'
import type { Arena } from './arena.ts'
import type { Ground } from './ground.ts'
import { measured } from './measure.ts'
import { alone, megabytes, type Row, type Section } from './row.ts'

const LAUNCHER = join(import.meta.dirname, '..', 'bin', 'catalyst.cjs')
const CONNECTIONS = 32
const PER_SECOND_LEAST = 0.7
const MEMORY_MOST = 300e6

/** The registry's service, as `catalyst registry serve` runs it with everything on, beside a Hono app that does nothing but return the same bytes. */
export async function service({ ground, sizes }: Arena): Promise<Section> {
  const registry = await madeRegistry(ground, sizes.servicePlugins)
  const log = join(ground.folder('log'), 'requests')
  const ours = await started([LAUNCHER, 'registry', 'serve', '--root', registry.root, '--database', registry.database, '--listen', '127.0.0.1:0', '--rate', '1000000000', '--drain', '0'], log)
  const bare = await started([join(import.meta.dirname, 'bare-hono.ts'), join(registry.root, 'index', indexPath(registry.id))], `${log}-bare`)
  try {
    const rounds = [bare, ours].map((server) => ({ server, perSecond: [] as number[], cpuUs: [] as number[] }))
    for (const { server } of rounds) load(server, registry.id, 10 * sizes.serviceRequests)
    for (let round = 0; round < sizes.quickRounds; round++) {
      for (const one of round % 2 ? rounds : rounds.toReversed()) {
        const before = cpuMs(one.server)
        one.perSecond.push((sizes.serviceRequests / load(one.server, registry.id, sizes.serviceRequests)) * 1000)
        one.cpuUs.push(((cpuMs(one.server) - before) / sizes.serviceRequests) * 1000)
      }
    }
    const [floor, mine] = rounds as [(typeof rounds)[0], (typeof rounds)[0]]
    await browse(ours.url, registry.ids)
    return {
      title: 'The service of a registry',
      note: `\`catalyst registry serve\` with a catalog of ${sizes.servicePlugins} plugins: conditional requests, quotas, request ids, figures, a log line per request. Beside it a Hono app of one route that returns the same ${floorBytes(registry)} bytes. ${CONNECTIONS} connections from a process of its own, in turns. Here a larger ratio is better. The memory is the most that the process ever held, after files, pages and verdicts of the whole catalog were asked for.`,
      rows: [perSecond(mine.perSecond, floor.perSecond), cpu(mine.cpuUs, floor.cpuUs), memory(peakBytes(ours))],
    }
  } finally {
    await Promise.all([ours, bare].map(ended))
  }
}

// ---- rows ------------------------------------------------------------------------------------------------------

function perSecond(mine: readonly number[], floor: readonly number[]): Row {
  const [a, b] = [measured('ours', mine).median, measured('bare', floor).median]
  return { what: 'an index file, requests a second', ours: String(Math.round(a)), beside: `bare Hono ${Math.round(b)}`, ratio: a / b, target: `>= ${PER_SECOND_LEAST}`, ok: a / b >= PER_SECOND_LEAST }
}

function cpu(mine: readonly number[], floor: readonly number[]): Row {
  const [a, b] = [measured('ours', mine).median, measured('bare', floor).median]
  return { what: 'processor time of the server, a request', ours: `${a.toFixed(0)} us`, beside: `bare Hono ${b.toFixed(0)} us`, ratio: a / b, target: undefined, ok: undefined }
}

function memory(bytes: number): Row {
  return alone('most memory of the service', megabytes(bytes), { text: `<= ${megabytes(MEMORY_MOST)}`, ok: bytes <= MEMORY_MOST })
}

// ---- the registry ----------------------------------------------------------------------------------------------

interface MadeRegistry {
  readonly root: string
  readonly database: string
  readonly ids: readonly string[]
  /** The plugin whose file is asked for. */
  readonly id: string
}

/** Index files and a catalog of so many plugins, each with one listed version. */
async function madeRegistry(ground: Ground, plugins: number): Promise<MadeRegistry> {
  const root = ground.folder('registry')
  const database = `sqlite:${join(ground.folder('catalog'), 'catalog.db')}`
  const entries = Array.from({ length: plugins }, (_, i) => entryOf(i))
  writeFileSync(join(root, 'registry.yaml'), 'apiVersion: catalyst.dev/v1\nkind: Registry\nname: bench\n')
  for (const entry of entries) {
    const path = join(root, 'index', indexPath(entry.id))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${writeIndexLine(lineOf(entry))}\n`)
  }
  await seed(database, entries)
  return { root, database, ids: entries.map(({ id }) => id), id: entries[0]?.id ?? '' }
}

/** A catalog with these plugins: the first one is written as ingest does it, and its rows are copied for the others, for one by one would take minutes. */
async function seed(database: string, entries: readonly RegistryEntry[]): Promise<void> {
  const [first] = entries
  if (!first) return
  const at = '2026-11-30T12:00:00.000Z'
  const line = lineOf(first)
  const { repository, tag, commit, artifact, bundle, publishedAt } = line
  const evidence = { problems: [], differences: [], proposal: undefined, proof: undefined, entryDigest: undefined, by: undefined }
  const store = await openCatalog(database)
  await store.projectEntries([{ entry: first, digest: sha256(first.id) }], [], at)
  await store.judge(first.id, 'bench', () => [{ id: first.id, version: line.version, verdict: 'listed', decidedAt: at, release: { repository, tag, commit, artifact, bundle, publishedAt }, line, evidence }])
  await store.close()
  const db = new DatabaseSync(database.slice('sqlite:'.length))
  db.exec('BEGIN')
  for (const table of ['catalog_repositories', 'catalog_plugins', 'catalog_sources', 'catalog_categories', 'catalog_history', 'catalog_versions']) copyRow(db, table, entries)
  db.exec('COMMIT')
  db.close()
}

/** The only row of a table, again for each of the other plugins, with their ids and numbers in it. */
function copyRow(db: DatabaseSync, table: string, [first, ...others]: readonly RegistryEntry[]): void {
  const row = db.prepare(`SELECT * FROM ${table}`).get()
  if (!row || !first) throw new Error(`${table} is empty`)
  const columns = Object.keys(row)
  const insert = db.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => '?').join(', ')})`)
  for (const { id, repositories } of others) {
    const number = repositories[0]?.id ?? 0
    insert.run(...columns.map((column) => {
      const value = row[column] ?? null
      if (typeof value === 'string') return value.replaceAll(first.id, id)
      return column === 'repository_id' || column === 'decision' || (column === 'id' && table === 'catalog_repositories') ? number : value
    }))
  }
}

function entryOf(i: number): RegistryEntry {
  const id = `plugin-${i.toString(36).padStart(4, '0')}`
  return { v: 1, id, repositories: [{ url: `https://github.com/bench/${id}`, id: i + 1, ownerId: 1 + (i % 5_000) }], signer: { workflow: '.github/workflows/release.yml' }, tier: 'community', categories: ['shipping'], publisher: `publisher ${i % 5_000}`, description: 'A plugin that does what many do' }
}

function lineOf({ id, repositories: [repository] }: RegistryEntry): IndexLine {
  const { url, id: number, ownerId } = repository!
  const file = `${url}/releases/download/v1.0.0/${id}-1.0.0.tgz`
  return { v: INDEX_LINE_VERSION, id, version: '1.0.0', repository: { url, id: number, ownerId }, tag: 'v1.0.0', commit: '0'.repeat(40), artifact: { url: file, size: 1_000, sha256: sha256(file) }, bundle: { url: `${file}.sigstore.json`, size: 900, sha256: sha256(`${file} bundle`) }, manifest: sha256(id), permissions: NO_PERMISSIONS, publishedAt: '2026-11-01T00:00:00Z' }
}

function floorBytes({ root, id }: MadeRegistry): number {
  return readFileSync(join(root, 'index', indexPath(id))).length
}

// ---- processes -------------------------------------------------------------------------------------------------

interface Server {
  readonly child: ChildProcess
  readonly url: string
}

/** Starts a server whose stderr, its log, goes to a file; resolves when it says there that it listens. */
async function started(args: readonly string[], log: string): Promise<Server> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', openSync(log, 'w')], env: { PATH: process.env.PATH ?? '' } })
  for (;;) {
    const line = readFileSync(log, 'utf8').split('\n').find((text) => text.includes('"msg":"listening"'))
    if (line) return { child, url: (JSON.parse(line) as { url: string }).url }
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended with ${child.exitCode}: ${readFileSync(log, 'utf8')}`)
    await after(20)
  }
}

async function ended({ child }: Server): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}

/** Milliseconds for so many requests. */
function load({ url }: Server, id: string, requests: number): number {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(import.meta.dirname, 'http-load.ts'), `${url}/index/${indexPath(id)}`, String(CONNECTIONS), String(requests)], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

/** User and system time of a process (proc(5)); a tick is 10 ms. */
function cpuMs({ child }: Server): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function peakBytes({ child }: Server): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

/** What a busy day asks for: index files all over the catalog, pages of plugins one after the other, verdicts. */
async function browse(url: string, ids: readonly string[]): Promise<void> {
  const step = Math.max(1, Math.floor(ids.length / 5_000))
  const picked = ids.filter((_, i) => i % step === 0)
  const get = async (path: string): Promise<string> => {
    const response = await fetch(url + path)
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${text}`)
    return text
  }
  for (let i = 0; i < picked.length; i += CONNECTIONS) {
    await Promise.all(picked.slice(i, i + CONNECTIONS).flatMap((id, n) => [get(`/index/${indexPath(id)}`), ...(n % 8 === 0 ? [get(`/api/v1/plugins/${id}/versions/1.0.0`)] : [])]))
  }
  let next: string | undefined
  for (let page = 0; page < 200; page++) {
    next = (JSON.parse(await get(`/api/v1/plugins?limit=100${next ? `&cursor=${next}` : ''}`)) as { next?: string }).next
    if (next === undefined) break
  }
  await get('/api/v1/stats')
}
