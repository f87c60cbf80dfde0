import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { expect } from 'vitest'
import { holderName } from '../../../reconciler/apply/holder.ts'
import { rollback } from '../../../reconciler/apply/rollback.ts'
import type { Dialect } from '../../../reconciler/data-ports.ts'
import { storePaths } from '../../../reconciler/state/paths.ts'
import { crashCatalogue, PLUGINS, startOf, type Scenario } from './crash-jobs.ts'
import { atRest, fingerprint, rowsOf, soundWhenKilled, type Caught, type Expected } from './crash-laws.ts'
import type { CrashJob } from './crash-runner.ts'
import { newBase, type Base } from './data-clones.ts'
import { events, outcomes } from './data-store.ts'
import { dataWorld, type DataWorld, type Place } from './data-world.ts'

/*
 * Law 2 on real databases: a pass is killed, and then the next one must find its way. What must hold right after the kill,
 * and after that pass, is compared with the same job done in peace.
 */

/** One scenario made ready. */
export interface Prepared extends Expected {
  readonly base: Base
  readonly job: CrashJob
  readonly boundaries: readonly string[]
  /** From the first boundary to the end, done in peace. */
  readonly ms: number
  /** Events of the job, sorted. */
  readonly events: readonly string[]
  readonly eventsBefore: number
}

/** When a job is killed: at a boundary (from 1), or so long after its first one. */
export type Kill = { readonly at: number } | { readonly afterMs: number }

/** What a killed pass left, and what became of it. */
export interface Survived {
  /** Right after the kill, by plugin. */
  readonly caught: ReadonlyMap<string, Caught>
  readonly end: 'old' | 'new'
}

interface Ran {
  readonly out: string
  readonly err: string
  readonly signal: NodeJS.Signals | null
  readonly ms: number
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
    const before = { before: await fingerprint(world), rowsBefore: await rowsOf(world), eventsBefore }
    await world.close()
    const job: CrashJob = { ...asked, catalogue: crashCatalogue(this.#dialect), from: startOf(scenario) }
    const place = await base.clone()
    const { out, signal, err, ms } = await this.#run(place, job)
    expect([signal, err]).toEqual([null, ''])
    const whole = await this.#open(place, startOf(scenario) + 3_600_000)
    const prepared: Prepared = { scenario, base, job, boundaries: out.trim().split('\n'), ms, ...before, after: await fingerprint(whole), events: (await events(whole, eventsBefore)).toSorted() }
    await whole.close()
    await place.remove()
    heldUpNobody(prepared)
    return prepared
  }

  /**
   * Kills the job, and sees what becomes of the store. `again`: the person who asked for a rollback asks once more, else an
   * ordinary pass comes. `elsewhere`: it comes on another node, which has no journal of the one that was killed.
   */
  async survive(prepared: Prepared, kill: Kill, { again, elsewhere = false }: { readonly again: boolean; readonly elsewhere?: boolean }): Promise<Survived> {
    const { base, job } = prepared
    const place = await base.clone()
    try {
      const ran = await this.#run(place, { ...job, ...('at' in kill ? { killAt: kill.at } : {}) }, 'afterMs' in kill ? kill.afterMs : undefined)
      const at = 'at' in kill ? `${kill.at} ${prepared.boundaries[kill.at - 1]}` : `${kill.afterMs} ms, after ${ran.out.trim().split('\n').at(-1)}`
      if ('at' in kill) expect([at, ran.signal, ran.err]).toEqual([at, 'SIGKILL', ''])
      if (elsewhere) rmSync(storePaths(place.folder).journal, { force: true })
      return await this.#afterwards(prepared, place, again).catch((error: unknown) => {
        throw new Error(`killed at ${at}: ${(error as Error).message}`, { cause: error })
      })
    } finally {
      await place.remove()
    }
  }

  async #afterwards(prepared: Prepared, place: Place, again: boolean): Promise<Survived> {
    const world = await this.#open(place, startOf(prepared.scenario) + 3_600_000)
    try {
      const caught = await soundWhenKilled(prepared, world)
      await this.#goOn(prepared, world, again)
      const end = await this.#converged(prepared, world, again)
      await atRest(prepared, world)
      return { caught, end }
    } finally {
      await world.close()
    }
  }

  /** The next pass: whoever asked for a rollback that is not recorded may ask again. */
  async #goOn({ scenario, job, eventsBefore }: Prepared, world: DataWorld, again: boolean): Promise<void> {
    const told = (await events(world, eventsBefore)).some((event) => event.startsWith('rollback '))
    if (job.rollback && again && !told) await rollback(job.rollback, { ...world.rollbackDeps, consent: async () => ({ storeId: 'acme-eu', approvals: job.approvals ?? [] }) })
    const failed = Object.entries(outcomes(await world.apply(scenario.wish))).filter(([, outcome]) => outcome !== 'applied')
    expect(failed.filter(([id, code]) => !(scenario.fails?.includes(id) && code === 'MIGRATION_FAILED'))).toEqual([])
  }

  /** It is as after the job, or, where nobody asks for it any more, as before; with one record of each thing that was done. */
  async #converged({ job, before, after, ...prepared }: Prepared, world: DataWorld, again: boolean): Promise<Survived['end']> {
    const now = await fingerprint(world)
    const said = (await events(world, prepared.eventsBefore)).filter((event) => !event.startsWith('lease.broken')).toSorted()
    const isNew = job.wish !== undefined || (job.rollback && again) || said.some((event) => event.startsWith('rollback ')) || JSON.stringify(now) === JSON.stringify(after)
    expect(now).toEqual(isNew ? after : before)
    if (job.wish) expect(said).toEqual(prepared.events)
    if (job.restore !== undefined) expect(said).toEqual(isNew ? ['restore a'] : said.slice(0, 1))
    return isNew ? 'new' : 'old'
  }

  #open(place: Place, from?: number): Promise<DataWorld> {
    return dataWorld(place, { catalogue: crashCatalogue(this.#dialect), holder: holderName(), ...(from === undefined ? {} : { from }) })
  }

  #run({ folder, dialect, url, child }: Place, job: CrashJob, killAfterMs?: number): Promise<Ran> {
    const place: Place = { folder, dialect, ...(url === undefined ? {} : { url }), ...(child === undefined ? {} : { child }) }
    return new Promise((done, failed) => {
      // A killed process does not fill the compile cache; the one in peace did.
      const env = { ...process.env, NODE_COMPILE_CACHE: `${this.#runner}.cache` }
      const runner = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', this.#runner, folder, JSON.stringify({ ...job, place })], { stdio: ['ignore', 'pipe', 'pipe'], env })
      let [out, err, begun] = ['', '', 0]
      let timer: NodeJS.Timeout | undefined
      runner.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text
        if (begun > 0) return
        begun = performance.now()
        if (killAfterMs !== undefined) timer = setTimeout(() => runner.kill('SIGKILL'), killAfterMs)
      })
      runner.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
      runner.once('error', failed)
      // Not `close`: what the killed process started may hold its pipes a little longer.
      runner.once('exit', (_code, signal) => setImmediate(() => (clearTimeout(timer), done({ out, err, signal, ms: performance.now() - begun }))))
    })
  }
}

/** Law 6, in peace: everything that was wished is there but what fails. After a crash the same end is asked for. */
function heldUpNobody({ job, scenario, before, after }: Expected & Pick<Prepared, 'job'>): void {
  const wished = Object.entries(job.wish ?? {}).map(([id, { version }]) => [id, scenario.fails?.includes(id) ? before.installed[id] : version])
  if (job.wish) expect(after.installed).toEqual(Object.fromEntries(wished))
}
