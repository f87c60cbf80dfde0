import { byCodeUnit, type Digest } from '../../schemas/digest.ts'
import { CatalystError, ERRORS, type Problem } from '../../schemas/errors.ts'
import { LOCK_VERSION, type Lock, type LockBlock } from '../../schemas/lock.ts'
import type { Manifest } from '../../schemas/manifest.ts'
import type { DesiredPlugin, DesiredState } from '../plan/desired.ts'
import { resolve } from '../resolve/resolve.ts'
import { distrusted } from '../plan/trust.ts'
import type { KeptBack, Resolved, ResolveMode, Selection, Waiting } from '../resolve/types.ts'
import type { ArtifactSource, Candidate, Hold, IndexSource, Locate, Packages, Progress, ReleaseSource, Verifier } from '../ports.ts'
import type { ReleaseHosts } from './authority.ts'
import { blockOf, rewish, type BlockWish } from './blocks.ts'
import { sameRelease } from './candidates.ts'
import { gather, type Gathered } from './gather.ts'
import { prove, type Proven } from './prove.ts'
import { refusedBlocks, waitingBlocks } from './waiting.ts'

/** What `lock` and `update` are asked. `locked` is the present lock, absent the first time. */
export interface LockRequest {
  readonly desired: DesiredState
  readonly locked: Lock | undefined
  readonly mode: ResolveMode
  readonly holds: readonly Hold[]
  readonly now: string
}

/** The outside world as the lock stage needs it. */
export interface LockDeps {
  readonly registries: readonly IndexSource[]
  readonly releases: ReleaseSource
  readonly artifacts: ArtifactSource
  readonly verifier: Verifier
  readonly packages: Packages
  /** Where direct sources are. */
  readonly hosts: ReleaseHosts
  /** Where a URL of a registry's line (or of the store repository) is on this machine. */
  readonly locate: Locate
  /** Keeps a bundle that has no lasting address with the store repository. */
  readonly keepBundle: (digest: Digest, bytes: Uint8Array) => Promise<void>
  /** Told how many releases are about to be fetched and proven, at first by a guess, so that help can be called early. */
  readonly expect?: (releases: number) => void
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
}

/** One plugin whose version or release changed in the lock. */
export interface LockChange {
  readonly id: string
  readonly from: LockBlock | undefined
  readonly to: LockBlock | undefined
}

/** The new lock and everything a person should know about how it came to be. `problems` decide the exit code. */
export interface LockOutcome {
  readonly lock: Lock
  readonly changes: readonly LockChange[]
  readonly keptBack: readonly { readonly id: string; readonly versions: readonly KeptBack[] }[]
  readonly waiting: readonly Waiting[]
  readonly notices: Resolved['notices']
  /** Plugins that could not be moved or taken, each unchanged. */
  readonly problems: readonly Problem[]
  /** Manifests of the releases that were read for this lock, by plugin: what did not move was not read again. */
  readonly manifests: ReadonlyMap<string, Manifest>
  /** Findings of the validator that do not refuse. */
  readonly findings: readonly { readonly id: string; readonly problem: Problem }[]
}

/**
 * plugins.yaml -> candidates -> fetched -> verified -> inspected -> the new lock. A release that cannot be fetched or
 * proven leaves its plugin (and those that need it) as the lock had it; all others move.
 * @throws CatalystError CONFLICT, NO_VERSION, UNKNOWN_PLUGIN when no set of versions answers plugins.yaml
 */
export async function lock(request: LockRequest, deps: LockDeps): Promise<LockOutcome> {
  deps.expect?.(request.desired.plugins.filter(({ id }) => request.locked?.plugins[id] === undefined).length)
  const gathered = await gather(request.desired, request.locked, deps)
  const proofs = new Map<Candidate, Promise<Proven>>()
  const failed = new Map<string, Problem>(gathered.unchecked)
  for (;;) {
    const resolved = resolveWithout(request, gathered, failed)
    deps.progress({ stage: 'resolve', total: resolved.selections.length })
    const fresh = resolved.selections.filter((s) => !failed.has(s.id) && !isLocked(s, request))
    const failures = await proveAll(fresh, proofs, request.desired, deps)
    if (failures.size === 0) return outcome(request, gathered, resolved, await settled(proofs), failed)
    for (const [id, problem] of withDependents(failures, resolved)) failed.set(id, problem)
  }
}

/** Resolves with every failed plugin held at its locked version, or left out when it has none. */
function resolveWithout(request: LockRequest, gathered: Gathered, failed: ReadonlyMap<string, Problem>): Resolved {
  const locked = request.locked?.plugins ?? {}
  const candidates = new Map(gathered.candidates)
  for (const id of failed.keys()) candidates.set(id, (candidates.get(id) ?? []).filter((c) => locked[id] && sameRelease(c, locked[id])))
  const lost = new Set([...failed.keys()].filter((id) => !locked[id]))
  const plugins = request.desired.plugins.filter((p) => !lost.has(p.id)).map((p) => (failed.has(p.id) ? heldAt(p, locked[p.id]) : p))
  for (const [id, list] of candidates) {
    const usable = list.filter((c) => !Object.keys(c.dependencies).some((d) => lost.has(d)))
    candidates.set(id, usable)
  }
  return resolve({ desired: { ...request.desired, plugins }, candidates, locked: request.locked, mode: request.mode, holds: request.holds, now: request.now })
}

/** Wanted exactly as locked: what could not be checked does not move, whatever plugins.yaml says now. */
function heldAt(plugin: DesiredPlugin, block: LockBlock | undefined): DesiredPlugin {
  return block ? { ...plugin, range: block.version, reject: [] } : plugin
}

/** Locked, and proven under what plugins.yaml says of signers now. */
function isLocked({ id, candidate }: Selection, { locked, desired }: LockRequest): boolean {
  const block = locked?.plugins[id]
  return block !== undefined && sameRelease(candidate, block) && distrusted(block, desired.plugins.find((p) => p.id === id), desired) === undefined
}

async function proveAll(fresh: readonly Selection[], proofs: Map<Candidate, Promise<Proven>>, desired: DesiredState, deps: LockDeps): Promise<Map<string, Problem>> {
  const failures = new Map<string, Problem>()
  deps.expect?.(fresh.length)
  await Promise.all(
    fresh.map(async ({ id, candidate }) => {
      const proof = proofs.get(candidate) ?? prove(candidate, deps)
      proofs.set(candidate, proof)
      try {
        await proof
      } catch (error) {
        if (!(error instanceof CatalystError)) throw error
        proofs.delete(candidate)
        failures.set(id, refusal(id, candidate, error, desired))
      }
    }),
  )
  return failures
}

function refusal(id: string, candidate: Candidate, error: CatalystError, desired: DesiredState): Problem {
  const place = desired.plugins.find((p) => p.id === id)?.versionPlace
  return { code: error.code, message: `${id} ${candidate.version}: ${error.message}`, hint: error.hint, ...(place ? { place } : {}) }
}

/** A plugin whose chosen version needs a failed one stays as it is, too. */
function withDependents(failures: ReadonlyMap<string, Problem>, resolved: Resolved): ReadonlyMap<string, Problem> {
  const all = new Map(failures)
  for (let before = -1; before !== all.size; ) {
    before = all.size
    for (const { id, candidate } of resolved.selections) {
      const cause = Object.keys(candidate.dependencies).find((d) => all.has(d))
      const problem = cause === undefined || all.has(id) ? undefined : all.get(cause)
      if (problem) all.set(id, { code: problem.code, message: `${id} ${candidate.version} needs ${cause}, which was refused`, ...(problem.hint ? { hint: problem.hint } : {}) })
    }
  }
  return all
}

async function settled(proofs: ReadonlyMap<Candidate, Promise<Proven>>): Promise<ReadonlyMap<Candidate, Proven>> {
  return new Map(await Promise.all([...proofs].map(async ([candidate, proof]) => [candidate, await proof] as const)))
}

function outcome(request: LockRequest, gathered: Gathered, resolved: Resolved, proofs: ReadonlyMap<Candidate, Proven>, failed: ReadonlyMap<string, Problem>): LockOutcome {
  const before = request.locked?.plugins ?? {}
  const plugins = Object.fromEntries(resolved.selections.map((s) => [s.id, blockFor(s, request, proofs)]))
  for (const id of [...failed.keys(), ...resolved.waiting.map((w) => w.id)]) {
    const block = before[id]
    // Exactly as it was: what could not be taken does not even change its range.
    if (block && (plugins[id] || request.desired.plugins.some((p) => p.id === id))) plugins[id] = block
  }
  const waiting = waitingBlocks(resolved.waiting, gathered.direct, request.desired)
  return {
    lock: assemble(request.locked, plugins, { ...refusedBlocks(failed, plugins, request.desired), ...waiting.blocks }),
    changes: changesBetween(before, plugins),
    keptBack: resolved.selections.filter((s) => s.keptBack.length > 0).map((s) => ({ id: s.id, versions: s.keptBack })),
    waiting: waiting.waiting,
    notices: resolved.notices,
    problems: [...[...failed].map(([id, problem]) => withFate(id, problem, plugins)), ...gathered.warnings],
    manifests: manifestsOf(resolved, proofs, plugins),
    findings: [...proofs.values()].flatMap((p) => p.inspected.findings.map((problem) => ({ id: p.candidate.id, problem }))),
  }
}

function manifestsOf({ selections }: Resolved, proofs: ReadonlyMap<Candidate, Proven>, plugins: Readonly<Record<string, LockBlock>>): ReadonlyMap<string, Manifest> {
  const read = selections.flatMap(({ id, candidate }) => {
    const inspected = proofs.get(candidate)?.inspected
    return inspected && plugins[id]?.manifest === inspected.manifestDigest ? [[id, inspected.manifest] as const] : []
  })
  return new Map(read)
}

/** After what was refused, a reader's first question is what became of the plugin. */
function withFate(id: string, problem: Problem, plugins: Readonly<Record<string, LockBlock>>): Problem {
  const fate = plugins[id] ? `${id} stays at ${plugins[id].version}.` : `${id} is not in the lock.`
  return { ...problem, hint: `${problem.hint ?? ERRORS[problem.code].hint} ${fate}` }
}

function blockFor(selection: Selection, request: LockRequest, proofs: ReadonlyMap<Candidate, Proven>): LockBlock {
  const wish = wishOf(selection.id, request.desired)
  const proven = proofs.get(selection.candidate)
  const block = request.locked?.plugins[selection.id]
  if (proven) return blockOf(proven, wish)
  if (!block) throw new CatalystError('INTERNAL', `${selection.id} was chosen but neither proven nor locked`)
  return rewish(block, wish)
}

function wishOf(id: string, desired: DesiredState): BlockWish {
  const plugin = desired.plugins.find((p) => p.id === id)
  return { requested: plugin?.range, uninstall: plugin?.uninstall ?? desired.policy.uninstall }
}

/** A plugin that left keeps its block under `removed:`, where its policy and tables stay written down. */
function assemble(locked: Lock | undefined, plugins: Record<string, LockBlock>, waiting: NonNullable<Lock['waiting']>): Lock {
  const removed = Object.entries({ ...locked?.removed, ...locked?.plugins }).filter(([id]) => !plugins[id])
  return {
    lockVersion: LOCK_VERSION,
    plugins: sorted(Object.entries(plugins)),
    ...(removed.length > 0 ? { removed: sorted(removed) } : {}),
    ...(Object.keys(waiting).length > 0 ? { waiting } : {}),
  }
}

function changesBetween(before: Readonly<Record<string, LockBlock>>, after: Readonly<Record<string, LockBlock>>): readonly LockChange[] {
  const ids = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort(byCodeUnit)
  return ids.map((id) => ({ id, from: before[id], to: after[id] })).filter((c) => c.from?.entryDigest !== c.to?.entryDigest)
}

function sorted<V>(entries: readonly (readonly [string, V])[]): Record<string, V> {
  return Object.fromEntries([...entries].sort(([a], [b]) => byCodeUnit(a, b)))
}
