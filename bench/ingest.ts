import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCatalog } from '../catalog/db/store.ts'
import type { CatalogStore } from '../catalog/ports.ts'
import { sha256 } from '../schemas/digest.ts'
import { entry } from '../test/builders/catalog.ts'
import { startRegistry } from '../test/builders/registry-world.ts'
import type { Arena } from './arena.ts'
import { alone, growth, megabytes, milliseconds, type Row, type Section } from './row.ts'

/** What the registry's bot costs: releases listed, unchanged repositories passed over, pages of a large catalog. */
export async function ingest({ sizes }: Arena): Promise<Section> {
  const rows = [...(await listing(sizes.ingest)), ...(await sweeping(sizes.sweep)), ...(await paging(sizes.catalog))]
  return {
    title: 'A registry’s bot',
    note: 'Real parts in one process with the GitHub that they ask: fetch, verify, inspect, decide, SQLite, git push; the servers’ share of the processor is in the figures. “Where the time goes” is the sum over the releases of what was waited for, so that several at once count each. A sweep passes over repositories of which none has changed; requests are those that GitHub counts against the hour. Pages are of 100 plugins in SQLite.',
    rows,
  }
}

/** Fresh releases, one plugin each. */
async function listing(releases: number): Promise<readonly Row[]> {
  const registry = await startRegistry()
  try {
    for (let n = 0; n < releases; n++) await registry.world.publish({ id: `plugin-${n}`, version: '1.0.0' }).then((published) => registry.index.list([published]))
    const bytes = await registry.index.commit({ remove: ['index'], message: 'Not listed yet' })
    const spent = new Map<string, number>()
    const timed = <T extends object>(part: T, names: Readonly<Record<string, string>>): T => new Proxy(part, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        const name = names[String(key)]
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          const start = performance.now()
          const result: unknown = await Reflect.apply(value, target, args)
          if (name !== undefined) spent.set(name, (spent.get(name) ?? 0) + performance.now() - start)
          return result
        }
      },
    })
    const cpu = process.cpuUsage()
    const start = performance.now()
    const report = await registry.pass('wanted', (deps) => ({
      ...deps,
      store: timed(deps.store, { judge: 'database', saveRepository: 'database', projectEntries: 'database' }),
      look: async (watched, signal) => {
        const from = performance.now()
        const found = await deps.look(watched, signal)
        spent.set('asking GitHub', (spent.get('asking GitHub') ?? 0) + performance.now() - from)
        return found
      },
      repository: timed(deps.repository, { refresh: 'git', publish: 'git', list: 'git', file: 'git', read: 'git' }),
      ingest: { ...deps.ingest, artifacts: timed(deps.ingest.artifacts, { fetch: 'downloads' }), verifier: timed(deps.ingest.verifier, { verify: 'verifying' }), packages: timed(deps.ingest.packages, { inspect: 'inspecting' }) },
    }))
    const ms = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    if (report.verdicts.listed.length !== releases || bytes === '') throw new Error(`${report.verdicts.listed.length} of ${releases} releases were listed`)
    const parts = [...spent].sort(([, a], [, b]) => b - a).map(([name, part]) => `${name} ${milliseconds(part / releases)}`)
    const cpuMs = (user + system) / 1000
    return [
      alone(`list ${releases} new releases`, `${milliseconds(ms / releases)} each, ${((releases / cpuMs) * 1000).toFixed(1)} a second and core`),
      alone('where the time goes, a release', parts.join(', ')),
    ]
  } finally {
    await registry.close()
  }
}

/** Two sweeps; the second finds nothing new. */
async function sweeping(sizes: readonly number[]): Promise<readonly Row[]> {
  const points: { size: number; ms: number; requests: number; counted: number }[] = []
  for (const size of sizes) {
    const registry = await startRegistry()
    try {
      const entries = Array.from({ length: size }, (_, n) => {
        const { id, owner } = registry.world.github.createRepository(`owner-${n}/plugin-${n}`)
        return entry(`plugin-${n}`, { repositories: [{ url: `https://github.com/owner-${n}/plugin-${n}`, id, ownerId: owner.id }] })
      })
      await registry.index.commit({ entries: Object.fromEntries(entries.map((e) => [e.id, e])) })
      registry.world.rateLimit.limits = { anonymous: 60, authenticated: 1_000_000 }
      await registry.pass('sweep')
      const start = performance.now()
      const report = await registry.pass('sweep')
      if (report.unchanged !== size) throw new Error(`${report.unchanged} of ${size} repositories were unchanged`)
      points.push({ size, ms: performance.now() - start, requests: report.requests, counted: report.counted })
    } finally {
      await registry.close()
    }
  }
  return points.flatMap((point, n) => [
    alone(`requests of a sweep of ${point.size} unchanged repositories`, `${point.requests}, ${point.counted} of them counted`, { text: '0 counted', ok: point.counted === 0 && point.requests <= point.size + 2 }),
    ...(n === 0 ? [] : [growth('sweep, nothing new', 'repositories', points[n - 1] ?? point, point, 1.3)]),
  ])
}

/** The first page beside the last, and what walking all of them takes of memory. */
async function paging(sizes: readonly number[]): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const size of sizes) {
    const dir = mkdtempSync(join(tmpdir(), 'catalyst-paging-'))
    const store = await openCatalog(`sqlite:${join(dir, 'catalog.db')}`)
    try {
      await fill(store, size)
      let cursor: string | undefined
      const times: number[] = []
      let [before, most, plugins] = [process.memoryUsage().rss, 0, 0]
      do {
        const start = performance.now()
        const page = await store.plugins({ tier: 'community' }, { limit: 100, cursor })
        times.push(performance.now() - start)
        plugins += page.items.length
        cursor = page.next
        if (times.length === 10) before = process.memoryUsage().rss
        most = Math.max(most, process.memoryUsage().rss)
      } while (cursor !== undefined)
      if (plugins !== size) throw new Error(`${plugins} of ${size} plugins were paged`)
      const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0
      const tenth = Math.max(1, Math.floor(times.length / 10))
      const [early, late] = [median(times.slice(0, tenth)), median(times.slice(-tenth))]
      rows.push({ what: `the last pages of ${size} plugins`, ours: milliseconds(late), beside: `the first pages ${milliseconds(early)}`, ratio: late / early, target: '<= 2', ok: late / early <= 2 })
      rows.push(alone(`memory that walking ${size} plugins adds`, megabytes(Math.max(0, most - before)), { text: '<= 64 MB', ok: most - before <= 64e6 }))
    } finally {
      await store.close()
      rmSync(dir, { recursive: true, force: true })
    }
  }
  return rows
}

async function fill(store: CatalogStore, size: number): Promise<void> {
  const entries = Array.from({ length: size }, (_, n) => entry(`plugin-${n}`))
  await store.projectEntries(entries.map((e) => ({ entry: e, digest: sha256(e.id) })), [], '2026-11-30T12:00:00.000Z')
}
