import { sha256 } from '../schemas/digest.ts'
import { NO_PERMISSIONS } from '../schemas/permissions.ts'
import { desiredState } from '../reconciler/plan/desired.ts'
import { resolve, type ResolveInput } from '../reconciler/resolve/resolve.ts'
import type { Candidate } from '../reconciler/ports.ts'

/* How the time of resolving grows. Worlds are made from a fixed sequence: every run measures the same. */

/** One row: the least of several runs, in milliseconds of processor time (other work on the machine only ever adds to it); making the input is not counted. */
export interface Growth {
  readonly wanted: number
  readonly ms: number
}

const SIZES = [10, 100, 1000] as const
const RUNS = 25

/**
 * 10, 100 and 1,000 wanted plugins, half as many shared ones, 20 versions each, three and one dependencies each. The newest versions do
 * not go together with what a tenth of the entries pin, so much of it has to step back.
 */
export function resolveGrowth(): Growth[] {
  return measured(growingWorld, (input) => {
    resolve(input)
  })
}

/** Worlds in which the newest is always wrong and much must be learned: rings of five in which each wants its neighbour older than itself. The last ring has no solution. */
export function conflictGrowth(): Growth[] {
  return measured(conflictingWorld, (input) => {
    try {
      resolve(input)
    } catch {
      return
    }
    throw new Error('the world was meant to have no solution')
  })
}

/**
 * Every sample resolves as many different worlds of one size as make 1,000 wanted plugins: a store is resolved once in
 * a process, so a small world must not be measured from a processor cache that it filled a moment before.
 */
function measured(world: (wanted: number, seed: number) => ResolveInput, run: (input: ResolveInput) => void): Growth[] {
  const rows = SIZES.map((wanted) => ({ wanted, inputs: range(1000 / wanted).map((seed) => world(wanted, seed)), samples: [] as number[] }))
  for (let i = -2; i < RUNS; i++) {
    for (const { inputs, samples } of rows) {
      const ms = timed(inputs, run)
      // the first two rounds warm up
      if (i >= 0) samples.push(ms)
    }
  }
  return rows.map(({ wanted, samples }) => ({ wanted, ms: Math.min(...samples) }))
}

/** Milliseconds of one resolution, as the mean of all inputs; of processor time, so that other work on the machine counts little. */
function timed(inputs: readonly ResolveInput[], run: (input: ResolveInput) => void): number {
  const start = process.cpuUsage()
  for (const input of inputs) run(input)
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000 / inputs.length
}

const VERSIONS = Array.from({ length: 20 }, (_, i) => `${1 + Math.floor(i / 5)}.${i % 5}.0`)

/** The world of `resolveGrowth`, also for a test that counts steps instead of time. */
export function growingWorld(wanted: number, seed = 0): ResolveInput {
  const next = sequence(seed)
  const shared = Math.ceil(wanted / 2)
  // always another one, so that a small world is no thinner than a large one
  const other = (i: number, of: number): number => (i + 1 + next(of - 1)) % of
  const needsOf = new Map(range(wanted).map((i) => [`plugin-${i}`, [`shared-${i % shared}`, `shared-${other(i % shared, shared)}`, `plugin-${other(i, wanted)}`]]))
  for (const i of range(shared)) needsOf.set(`shared-${i}`, [`shared-${other(i, shared)}`])
  const candidates = new Map([...needsOf].map(([id, needs]) => [id, VERSIONS.map((version) => release(id, version, Object.fromEntries(needs.map((n) => [n, `^${version[0]}.${next(3)}.0`]))))]))
  return input(Object.fromEntries(range(wanted).map((i) => [`plugin-${i}`, i % 10 === 3 ? '^3.0.0' : '*'])), candidates)
}

/** A version wants its neighbour older than itself: round the ring nobody agrees, except at the oldest. In the last ring not even there. */
function conflictingWorld(wanted: number): ResolveInput {
  const candidates = new Map<string, Candidate[]>()
  for (const i of range(wanted)) {
    const ring = Math.floor(i / 5)
    const neighbour = `ring-${ring * 5 + ((i + 1) % 5)}`
    const last = ring === Math.floor((wanted - 1) / 5)
    candidates.set(`ring-${i}`, VERSIONS.map((version, v) => release(`ring-${i}`, version, { [neighbour]: v === 0 ? (last && i % 5 === 4 ? '>9.0.0' : '1.0.0') : `<${version}` })))
  }
  return input(Object.fromEntries(range(wanted).map((i) => [`ring-${i}`, '*'])), candidates)
}

function input(wanted: Readonly<Record<string, string>>, candidates: ReadonlyMap<string, readonly Candidate[]>): ResolveInput {
  return {
    desired: desiredState({
      apiVersion: 'catalyst.dev/v1',
      kind: 'PluginSet',
      store: { id: 'bench' },
      registries: [{ name: 'official', url: 'https://registry.example' }],
      plugins: Object.fromEntries(Object.entries(wanted).map(([id, version]) => [id, { version }])),
    }),
    candidates,
    locked: undefined,
    mode: { kind: 'lock' },
    holds: [],
    now: '2026-11-22T12:00:00Z',
  }
}

function release(id: string, version: string, dependencies: Readonly<Record<string, string>>): Candidate {
  const repository = { url: `https://github.com/bench/${id}`, id: 1, ownerId: 1 }
  return {
    id,
    version,
    registry: 'official',
    repository,
    tag: `v${version}`,
    commit: '0'.repeat(40),
    artifact: { url: `https://github.com/bench/${id}/${version}.tgz`, size: 1, sha256: sha256(`${id} ${version}`) },
    dependencies,
    conflicts: {},
    permissions: NO_PERMISSIONS,
    publishedAt: '2026-01-01T00:00:00Z',
    advisories: [],
    authority: { profile: 'public-good', issuer: 'https://token.actions.githubusercontent.com', repositories: [repository], workflow: '.github/workflows/release.yml', refs: [] },
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

/** A fixed sequence of whole numbers below a bound (a linear congruential generator). */
function sequence(seed: number): (below: number) => number {
  let state = seed + 1
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
