import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { holderName } from '../../../reconciler/apply/holder.ts'
import { rollback } from '../../../reconciler/apply/rollback.ts'
import { brokenLink } from '../../../reconciler/store-db/audit.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { liveSet, liveTrees } from '../../../reconciler/state/generations.ts'
import { storePaths, type StorePaths } from '../../../reconciler/state/paths.ts'
import { removeWhole } from '../../../reconciler/state/trees.ts'
import type { CrashJob } from './crash-runner.ts'
import { worldAt, type Catalogue, type Wish } from './world.ts'

/*
 * Law 2: kill -9 at every boundary. After it each group is wholly old or wholly new; the next pass converges, with one
 * record. One process per boundary, so the runner is bundled once to start quickly.
 */

let room: string
let runner: string
beforeAll(async () => {
  room = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-crash-'))
  runner = join(room, 'runner.mjs')
  const banner = { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" }
  await build({ entryPoints: [join(import.meta.dirname, 'crash-runner.ts')], bundle: true, platform: 'node', format: 'esm', outfile: runner, banner })
})
afterAll(() => void removeWhole(room))

const run = (folder: string, job: CrashJob) => spawnSync(process.execPath, [runner, folder, JSON.stringify(job)], { encoding: 'utf8' })

interface Scenario {
  readonly catalogue?: Catalogue
  /** What the store goes through before. */
  readonly before: readonly Wish[]
  readonly job: Pick<CrashJob, 'wish' | 'rollback'>
  /** Alters the tree of `a` by hand, and makes it doubtful. */
  readonly spoil?: boolean
  /** Ids that switch together. */
  readonly groups: readonly (readonly string[])[]
  /** Events of the audit when the pass was made once. */
  readonly events: readonly string[]
}

const needsA = { needs: { a: '*' } }
const abc = (a: string, b: string, c: string): Wish => ({ a: { version: a }, b: { version: b }, c: { version: c } })

const scenarios: Readonly<Record<string, Scenario>> = {
  'first install': { before: [], job: { wish: abc('1.0.0', '1.0.0', '1.0.0') }, groups: [['a', 'b', 'c']], events: ['install a', 'install b', 'install c'] },
  'upgrade of a group and of one alone': {
    catalogue: { 'b@1.0.0': needsA, 'b@2.0.0': needsA },
    before: [abc('1.0.0', '1.0.0', '1.0.0')],
    job: { wish: abc('2.0.0', '2.0.0', '2.0.0') },
    groups: [['a', 'b'], ['c']],
    events: ['upgrade a', 'upgrade b', 'upgrade c'],
  },
  'upgrade with one that fails': {
    catalogue: { 'a@2.0.0': { broken: true } },
    before: [abc('1.0.0', '1.0.0', '1.0.0')],
    job: { wish: abc('2.0.0', '2.0.0', '1.0.0') },
    groups: [['a'], ['b']],
    events: ['upgrade b'],
  },
  configure: {
    before: [abc('1.0.0', '1.0.0', '1.0.0')],
    job: { wish: { ...abc('1.0.0', '1.0.0', '1.0.0'), a: { version: '1.0.0', enabled: false }, b: { version: '1.0.0', config: { x: 1 } } } },
    groups: [['a'], ['b']],
    events: ['configure a', 'configure b'],
  },
  removal: { before: [abc('1.0.0', '1.0.0', '1.0.0')], job: { wish: { c: { version: '1.0.0' } } }, groups: [['a', 'b']], events: ['remove b', 'remove a'] },
  'repair of an altered tree': { before: [abc('1.0.0', '1.0.0', '1.0.0')], spoil: true, job: { wish: abc('1.0.0', '1.0.0', '1.0.0') }, groups: [['a', 'b', 'c']], events: ['repair a'] },
  'rollback to a generation': {
    before: [abc('1.0.0', '1.0.0', '1.0.0'), abc('2.0.0', '2.0.0', '1.0.0')],
    job: { rollback: { to: 1 } },
    groups: [['a', 'b']],
    events: ['rollback a', 'rollback b'],
  },
  'rollback of one plugin': {
    before: [abc('1.0.0', '1.0.0', '1.0.0'), abc('2.0.0', '2.0.0', '1.0.0')],
    job: { rollback: { id: 'a' } },
    groups: [['a']],
    events: ['rollback a'],
  },
}

describe.each(Object.entries(scenarios))('kill -9 in each step of: %s', (name, scenario) => {
  const base = (): string => join(room, name.replaceAll(' ', '-'))
  const jobOf = (killAt?: number): CrashJob => ({ ...scenario.job, ...(scenario.catalogue ? { catalogue: scenario.catalogue } : {}), ...(killAt ? { killAt } : {}) })
  let boundaries: readonly string[]
  let oldSet: ReadonlyMap<string, string>
  let newSet: ReadonlyMap<string, string>
  let recordsBefore: number

  const copy = (to: string): string => {
    if (existsSync(base())) cpSync(base(), to, { recursive: true, verbatimSymlinks: true })
    return to
  }

  beforeAll(async () => {
    await inStore(base(), async (world) => {
      for (const wish of scenario.before) await world.apply(wish)
      if (scenario.spoil) spoil(world.paths)
      recordsBefore = (await world.state.audit({ limit: 100 })).length
    })
    oldSet = liveTrees(storePaths(base())) ?? new Map()
    const whole = copy(`${base()}-whole`)
    const result = run(whole, jobOf())
    expect(result.stderr).toBe('')
    boundaries = result.stdout.trim().split('\n')
    newSet = liveTrees(storePaths(whole)) ?? new Map()
    expect(boundaries.at(-1)).toBe('cleared')
  })

  async function inStore<T>(folder: string, work: (world: ReturnType<typeof worldAt>) => Promise<T>): Promise<T> {
    mkdirSync(folder, { recursive: true })
    const state = await openSqlite(join(folder, 'store.db'))
    try {
      return await work(worldAt(folder, state, { holder: holderName(), ...(scenario.catalogue ? { catalogue: scenario.catalogue } : {}) }))
    } finally {
      await state.close()
    }
  }

  /** Gone through one after the other: how many there are is known only when the pass was made once. */
  test('each boundary: wholly old or wholly new, then one pass converges', async () => {
    expect(boundaries.length).toBeGreaterThanOrEqual(scenario.job.rollback ? 7 : 11)
    for (const [i, boundary] of boundaries.entries()) {
      const folder = copy(`${base()}-${i + 1}`)
      const killed = run(folder, jobOf(i + 1))
      expect([boundary, killed.signal]).toEqual([boundary, 'SIGKILL'])
      wholeGroups(folder, boundary)
      await inStore(folder, async (world) => {
        if (scenario.job.wish) await world.apply(scenario.job.wish)
        // A rollback that was not recorded is undone: its person asks again. A recorded one stays, whatever pass comes next.
        const { rollback: request } = scenario.job
        if (request && (await world.state.audit({ limit: 100 })).some((r) => r.event === 'rollback')) await world.apply(scenario.before.at(-1) ?? {})
        else if (request) await rollback(request, world.rollbackDeps)
        await converged(world, boundary)
      })
      removeWhole(folder)
    }
  })

  /** What a host would load at this moment: no group is torn, and every link leads to a whole tree. */
  function wholeGroups(folder: string, boundary: string): void {
    const paths = storePaths(folder)
    const live = liveTrees(paths) ?? new Map<string, string>()
    for (const group of scenario.groups) {
      const is = (set: ReadonlyMap<string, string>): boolean => group.every((id) => live.get(id) === set.get(id))
      expect([boundary, group, is(oldSet) || is(newSet)]).toEqual([boundary, group, true])
    }
    for (const id of live.keys()) expect(JSON.parse(readFileSync(join(paths.current, id, 'manifest.json'), 'utf8'))).toMatchObject({ id })
  }

  async function converged(world: ReturnType<typeof worldAt>, boundary: string): Promise<void> {
    const { paths, state } = world
    const store = await state.read()
    const audit = await state.audit({ limit: 100 })
    const events = audit.slice(recordsBefore).filter((r) => r.event !== 'lease.broken').map((r) => `${r.event} ${r.id}`)
    expect([boundary, [...(liveTrees(paths) ?? [])].sort()]).toEqual([boundary, [...newSet].sort()])
    expect([boundary, events]).toEqual([boundary, scenario.events])
    expect([...(store.generation ? liveSet(store.generation) : [])].sort()).toEqual([...newSet].sort())
    expect(brokenLink(audit)).toBeUndefined()
    expect(existsSync(paths.journal)).toBe(false)
    expect(readdirSync(paths.generations).filter((n) => n.startsWith('.'))).toEqual([])
    expect(readdirSync(paths.trees).filter((n) => n.startsWith('.'))).toEqual([])
    expect(readdirSync(paths.generations).map(Number).sort()).toEqual(store.generations.map((g) => g.number))
    if (scenario.job.wish) expect((await world.plan(scenario.job.wish)).changes.filter((c) => !scenario.catalogue?.[`${c.id}@2.0.0`]?.broken)).toEqual([])
    expect(await state.lease(world.deps.clock())).toBeUndefined()
  }
})

function spoil(paths: StorePaths): void {
  const file = join(realpathSync(join(paths.current, 'a')), 'index.js')
  chmodSync(file, 0o644)
  writeFileSync(file, 'altered by hand')
  rmSync(paths.proven)
}

describe('two applies at once', () => {
  test('the second is told BUSY while the first lives, and takes over at once when it was killed', async () => {
    const folder = mkdtempSync(join(room, 'busy-'))
    const job: CrashJob = { wish: abc('1.0.0', '1.0.0', '1.0.0'), pauseAt: 'staged' }
    const first = spawn(process.execPath, [runner, folder, JSON.stringify(job)], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => first.once('exit', resolve))
    for await (const chunk of first.stdout) if (String(chunk).includes('staged\n')) break
    const state = await openSqlite(join(folder, 'store.db'))
    const world = worldAt(folder, state, { holder: holderName() })
    await expect(world.apply(abc('2.0.0', '1.0.0', '1.0.0'))).rejects.toMatchObject({ code: 'BUSY', exit: 7, message: expect.stringContaining(`:${first.pid}`) })
    await expect(rollback({ to: 1 }, world.rollbackDeps)).rejects.toMatchObject({ code: 'BUSY' })
    first.kill('SIGKILL')
    await ended
    expect(await world.apply(abc('2.0.0', '1.0.0', '1.0.0'))).toMatchObject({ recovered: true, generation: 1 })
    expect((await state.audit({ limit: 100 })).map((r) => r.event)).toEqual(['lease.broken', 'install', 'install', 'install'])
    await state.close()
  })
})
