import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { expect } from 'vitest'
import { holderName } from '../../../reconciler/apply/holder.ts'
import { rollback } from '../../../reconciler/apply/rollback.ts'
import type { Dialect } from '../../../reconciler/data-ports.ts'
import { crashCatalogue, PLUGINS, startOf, type Scenario } from './crash-jobs.ts'
import type { CrashJob } from './crash-runner.ts'
import { newBase, type Base } from './data-clones.ts'
import { classes, events, installed, live } from './data-store.ts'
import { dataDirOf, dataWorld, type DataWorld, type Place } from './data-world.ts'

/*
 * Law 2 on real databases: a pass is killed, and then the next one must find its way. What must hold right after the kill,
 * and after that pass, is compared with the same job done in peace.
 */

/** Everything of a store that a job may change, so that two stores can be compared. */
export interface Fingerprint {
  readonly live: Readonly<Record<string, string>>
  readonly installed: Readonly<Record<string, string>>
  readonly removed: Readonly<Record<string, unknown>>
  readonly held: readonly string[]
  readonly migrations: readonly string[]
  readonly tables: Readonly<Record<string, unknown>>
  readonly files: Readonly<Record<string, string>>
}

/** One scenario made ready: how it begins, how it ends in peace. */
export interface Prepared {
  readonly scenario: Scenario
  readonly base: Base
  readonly job: CrashJob
  readonly boundaries: readonly string[]
  readonly ms: number
  readonly before: Fingerprint
  readonly after: Fingerprint
  readonly rowsBefore: ReadonlyMap<string, number>
  /** Events of the job, sorted. */
  readonly events: readonly string[]
  readonly eventsBefore: number
}

/** What a killed pass left, and what became of it. */
export interface Survived {
  readonly at: string
  /** Of the plugins right after the kill: `a: new`. */
  readonly states: readonly string[]
  readonly end: 'old' | 'new'
}

export class CrashHarness {
  readonly #dialect: Dialect
  readonly #runner: string

  /** `runner`: the bundled `crash-runner.ts`. */
  constructor(dialect: Dialect, runner: string) {
    this.#dialect = dialect
    this.#runner = runner
  }

  async prepare(scenario: Scenario): Promise<Prepared> {
    const base = await newBase(this.#dialect, PLUGINS)
    const world = await this.#open(base.place)
    const asked = await scenario.prepare(world)
    const eventsBefore = (await events(world)).length
    const rowsBefore = await rowsOf(world)
    const before = await fingerprint(world)
    await world.close()
    const job: CrashJob = { ...asked, catalogue: crashCatalogue(this.#dialect), from: startOf(scenario) }
    const place = await base.clone()
    const started = Date.now()
    const { out, signal, err } = await this.#run(place, job)
    expect([signal, err]).toEqual([null, ''])
    const ms = Date.now() - started
    const whole = await this.#open(place, startOf(scenario) + 3_600_000)
    const prepared = { scenario, base, job, boundaries: out.trim().split('\n'), ms, before, after: await fingerprint(whole), rowsBefore, events: (await events(whole, eventsBefore)).toSorted(), eventsBefore }
    await whole.close()
    await place.remove()
    return prepared
  }

  /** Kills the job at a boundary (from 1) or after a time, and sees what becomes of the store. `again`: the person asks once more, else an ordinary pass comes. */
  async survive(prepared: Prepared, kill: { readonly at: number } | { readonly afterMs: number }, again: boolean): Promise<Survived> {
    const { scenario, base, job } = prepared
    const place = await base.clone()
    const name = 'at' in kill ? (prepared.boundaries[kill.at - 1] ?? '') : `${kill.afterMs} ms`
    try {
      const { signal, err } = await this.#run(place, { ...job, ...('at' in kill ? { killAt: kill.at } : {}) }, 'afterMs' in kill ? kill.afterMs : undefined)
      if ('at' in kill) expect([name, signal, err]).toEqual([name, 'SIGKILL', ''])
      const world = await this.#open(place, startOf(scenario) + 3_600_000)
      try {
        const states = statesOf(prepared, world, name)
        await this.#goOn(prepared, world, again)
        const end = await this.#settled(prepared, world, name, again)
        return { at: name, states, end }
      } finally {
        await world.close()
      }
    } finally {
      await place.remove()
    }
  }

  /** The next pass: whoever asked for a rollback that is not recorded may ask again. */
  async #goOn({ scenario, job, eventsBefore }: Prepared, world: DataWorld, again: boolean): Promise<void> {
    const told = (await events(world, eventsBefore)).some((event) => event.startsWith('rollback'))
    if (job.rollback && again && !told) await rollback(job.rollback, { ...world.rollbackDeps, consent: async () => ({ storeId: 'acme-eu', approvals: job.approvals ?? [] }) })
    const { outcomes } = await world.apply(scenario.wish)
    expect(outcomes.filter((o) => o.outcome !== 'applied').map((o) => o.error)).toEqual([])
  }

  async #settled(prepared: Prepared, world: DataWorld, at: string, again: boolean): Promise<Survived['end']> {
    const { scenario, job, before, after, eventsBefore } = prepared
    const now = await fingerprint(world)
    const said = (await events(world, eventsBefore)).filter((event) => !event.startsWith('lease.broken')).toSorted()
    const isNew = job.wish !== undefined || (job.rollback && again) || said.some((event) => event.startsWith('rollback')) || sameAs(now, after)
    expect([at, now]).toEqual([at, isNew ? after : before])
    if (job.wish) expect([at, said]).toEqual([at, prepared.events])
    if (job.restore !== undefined) expect([at, said.length]).toEqual([at, said.length > 0 ? 1 : 0])
    if (job.restore !== undefined && isNew) expect([at, said]).toEqual([at, ['restore a']])
    expect([at, (await world.plan(scenario.wish)).changes]).toEqual([at, []])
    expect([at, existsSync(world.paths.journal), await world.state.lease(world.deps.clock())]).toEqual([at, false, undefined])
    expect([at, readdirSync(dataDirOf(world.place)).filter((n) => n.startsWith('.restoring') || n.startsWith('.staging'))]).toEqual([at, []])
    await nothingLost(prepared, world, at)
    return isNew ? 'new' : 'old'
  }

  #open(place: Place, from?: number): Promise<DataWorld> {
    return dataWorld(place, { catalogue: crashCatalogue(this.#dialect), holder: holderName(), ...(from === undefined ? {} : { from }) })
  }

  #run(place: Place, job: CrashJob, killAfterMs?: number): Promise<{ readonly out: string; readonly err: string; readonly signal: NodeJS.Signals | null }> {
    const { folder, dialect, url, child } = place
    const bare: Place = { folder, dialect, ...(url === undefined ? {} : { url }), ...(child === undefined ? {} : { child }) }
    return new Promise((done, failed) => {
      const runner = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', this.#runner, folder, JSON.stringify({ ...job, place: bare })], { stdio: ['ignore', 'pipe', 'pipe'] })
      let out = ''
      let err = ''
      runner.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
      runner.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
      const timer = killAfterMs === undefined ? undefined : setTimeout(() => runner.kill('SIGKILL'), killAfterMs)
      runner.once('error', failed)
      // Not `close`: what the killed process started may hold its pipes a little longer.
      runner.once('exit', (_code, signal) => setImmediate(() => (clearTimeout(timer), done({ out, err, signal }))))
    })
  }
}

async function fingerprint(world: DataWorld): Promise<Fingerprint> {
  const { retained, holds } = await world.state.read()
  const inventories = await world.data.tables.inventory(PLUGINS, 'exact')
  const tables: [string, unknown][] = []
  for (const [id, { tables: owned, quarantined }] of inventories) if (owned.length > 0) tables.push([id, { quarantined, rows: owned.map((t) => t.rows), digest: quarantined ? '' : await world.data.tables.digest(id) }])
  return {
    live: live(world),
    installed: await installed(world),
    removed: Object.fromEntries(await Promise.all(retained.map(async (r) => [r.id, { version: r.block.version, code: r.removal?.code, ...(await classes(world, r.id)) }] as const))),
    held: holds.map((h) => `${h.id} ${h.fromVersion}`),
    migrations: (await world.data.tables.applied()).map((m) => `${m.plugin} ${m.id}`).toSorted(),
    tables: Object.fromEntries(tables),
    files: world.files(),
  }
}

const sameAs = (a: Fingerprint, b: Fingerprint): boolean => JSON.stringify(a) === JSON.stringify(b)

/** What a host would load at this moment: each plugin is what it was or what it will be, or off where it may be. */
function statesOf({ before, after, scenario }: Prepared, world: DataWorld, at: string): readonly string[] {
  const now = live(world)
  return PLUGINS.filter((id) => before.live[id] !== after.live[id] || scenario.off.includes(id)).map((id) => {
    const state = now[id] === before.live[id] ? 'old' : now[id] === after.live[id] ? 'new' : now[id] === undefined && scenario.off.includes(id) ? 'off' : `torn: ${now[id]}`
    expect([at, id, state]).toEqual([at, id, expect.stringMatching(/^(old|new|off)$/)])
    return `${id}: ${state}`
  })
}

async function rowsOf(world: DataWorld): Promise<ReadonlyMap<string, number>> {
  const inventories = await world.data.tables.inventory(PLUGINS, 'exact')
  return new Map([...inventories].map(([id, { tables }]) => [id, tables.reduce((sum, t) => sum + t.rows, 0)]))
}

/** Every row that there was is in a table, wherever that lies, or in a backup that can be read; every file, too. */
async function nothingLost({ rowsBefore, before }: Prepared, world: DataWorld, at: string): Promise<void> {
  const now = await rowsOf(world)
  for (const [id, rows] of rowsBefore) {
    if ((now.get(id) ?? 0) >= rows) continue
    const whole = await Promise.all((await world.data.backups.list(id)).map((ref) => world.data.backups.verify(ref.name)))
    expect([at, id, whole.some((ref) => ref.rows >= rows)]).toEqual([at, id, true])
  }
  const texts = new Set(Object.values(world.files()))
  for (const [path, text] of Object.entries(before.files)) {
    const id = path.replace('.quarantine/', '').split('/')[0] ?? ''
    const backups = await world.data.backups.list(id)
    if (!texts.has(text)) expect([at, path, backups.length > 0]).toEqual([at, path, true])
  }
}
