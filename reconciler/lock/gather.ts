import { artifactUrlAllowed } from '../../schemas/artifact-urls.ts'
import { authorityOfEntry } from '../../schemas/authority.ts'
import { CatalystError, type Problem } from '../../schemas/errors.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import type { Lock, LockBlock } from '../../schemas/lock.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import { lineProblems } from '../../schemas/registry-files.ts'
import type { DesiredPlugin, DesiredState } from '../plan/desired.ts'
import { distrusted } from '../plan/trust.ts'
import type { Candidate, IndexSnapshot } from '../ports.ts'
import { candidateOfLine, provenCandidate } from './candidates.ts'
import { directCandidates, type DirectFinding } from './direct.ts'
import type { LockDeps } from './lock.ts'
import { openRegistries, type OpenRegistries } from './registries.ts'

/** Every version that could be chosen, of every plugin that could be needed, and what could not be asked. */
export interface Gathered {
  readonly candidates: ReadonlyMap<string, readonly Candidate[]>
  /** Ids whose origin could not be asked or must not be trusted now; only their locked version is a candidate. */
  readonly unchecked: ReadonlyMap<string, Problem>
  readonly warnings: readonly Problem[]
  readonly direct: readonly DirectFinding[]
}

/**
 * Asks registries and direct sources for the wanted plugins and, level by level, for everything their versions
 * depend on. A source that cannot be asked never makes a plugin disappear: what is locked stays a candidate.
 */
export async function gather(desired: DesiredState, locked: Lock | undefined, deps: LockDeps): Promise<Gathered> {
  const registries = await openRegistries(desired, Object.values(locked?.plugins ?? {}), deps)
  try {
    return await new Gathering(desired, locked, deps, registries).run()
  } finally {
    await registries.close()
  }
}

/** Stands for a direct source among those that ask: its dependencies may be in any registry. */
const ANY = '*'

interface Wanted {
  readonly id: string
  /** The registries that may own it, in the order of plugins.yaml; undefined: all of them. */
  readonly registries: readonly string[] | undefined
}

class Gathering {
  readonly #desired: DesiredState
  readonly #plugins: ReadonlyMap<string, DesiredPlugin>
  readonly #locked: Lock | undefined
  readonly #deps: LockDeps
  readonly #registries: OpenRegistries
  readonly #candidates = new Map<string, readonly Candidate[]>()
  readonly #unchecked = new Map<string, Problem>()
  readonly #warnings: Problem[] = []
  readonly #direct: DirectFinding[] = []
  /** Per dependency that plugins.yaml does not name, the registries of those that need it. */
  readonly #askers = new Map<string, Set<string>>()

  constructor(desired: DesiredState, locked: Lock | undefined, deps: LockDeps, registries: OpenRegistries) {
    this.#desired = desired
    this.#plugins = new Map(desired.plugins.map((p) => [p.id, p]))
    this.#locked = locked
    this.#deps = deps
    this.#registries = registries
  }

  async run(): Promise<Gathered> {
    let level: readonly Wanted[] = this.#desired.plugins.map((p) => ({ id: p.id, registries: p.registry === undefined ? undefined : [p.registry] }))
    while (level.length > 0) {
      const found = await Promise.all(level.map(async (wanted) => [wanted.id, await this.#find(wanted)] as const))
      for (const [id, candidates] of found) this.#candidates.set(id, candidates)
      level = this.#nextLevel(found.flatMap(([, candidates]) => candidates))
      this.#deps.progress({ stage: 'index', done: this.#candidates.size })
    }
    return { candidates: this.#candidates, unchecked: this.#unchecked, warnings: eachOnce(this.#warnings), direct: this.#direct }
  }

  /** What these versions need and nobody has looked for yet, or not in all the registries that may own it. */
  #nextLevel(candidates: readonly Candidate[]): readonly Wanted[] {
    const next = new Set<string>()
    for (const candidate of candidates) {
      for (const id of Object.keys(candidate.dependencies)) {
        if (this.#plugins.has(id)) continue
        const askers = this.#askers.get(id) ?? new Set()
        if (!askers.has(candidate.registry ?? ANY)) next.add(id)
        this.#askers.set(id, askers.add(candidate.registry ?? ANY))
      }
    }
    return [...next].map((id) => ({ id, registries: this.#mayOwn(id) }))
  }

  /** A dependency belongs to the registry of its dependents; where they are of several, to the first of plugins.yaml, whoever asked first. */
  #mayOwn(id: string): readonly string[] | undefined {
    const askers = this.#askers.get(id)
    if (!askers || askers.has(ANY)) return undefined
    const order = this.#desired.registries.map(({ name }) => name)
    // One that plugins.yaml does not name any more comes last, and says so when it is asked.
    return [...order.filter((name) => askers.has(name)), ...[...askers].filter((name) => !order.includes(name))]
  }

  async #find(wanted: Wanted): Promise<readonly Candidate[]> {
    const block = this.#locked?.plugins[wanted.id]
    const own = block ? [provenCandidate(wanted.id, block)] : []
    try {
      const found = await this.#ask(wanted, block)
      this.#unchecked.delete(wanted.id)
      return merge(this.#movedAway(wanted.id, block) ? [] : own, found)
    } catch (error) {
      if (!(error instanceof CatalystError)) throw error
      this.#unchecked.set(wanted.id, this.#problemOf(wanted.id, error))
      return own
    }
  }

  /** plugins.yaml names another registry, source or signer than the lock: then what is locked is no candidate any more. */
  #movedAway(id: string, block: LockBlock | undefined): boolean {
    const plugin = this.#plugins.get(id)
    if (!plugin || !block) return false
    if (distrusted(block, plugin, this.#desired) !== undefined) return true
    return plugin.source !== block.source || (plugin.registry !== undefined && plugin.registry !== block.registry)
  }

  async #ask(wanted: Wanted, block: LockBlock | undefined): Promise<readonly Candidate[]> {
    const plugin = this.#plugins.get(wanted.id)
    if (plugin?.source) {
      const found = await directCandidates(plugin, this.#movedAway(wanted.id, block) ? undefined : block, this.#deps)
      this.#direct.push(...found.findings)
      this.#warnings.push(...found.problems)
      return found.candidates
    }
    const owner = await this.#registries.ownerOf(wanted.id, wanted.registries)
    if (!owner) return []
    return this.#listed(wanted.id, await this.#unshadowed(wanted, owner, block))
  }

  /** A registry that newly lists the id of another one never takes it over by itself. */
  async #unshadowed(wanted: Wanted, owner: IndexSnapshot, block: LockBlock | undefined): Promise<IndexSnapshot> {
    const before = block?.registry
    const pinned = this.#plugins.get(wanted.id)?.registry
    if (before === undefined || before === owner.registry || pinned !== undefined) return owner
    this.#warnings.push({
      code: 'REGISTRY_SHADOWED',
      message: `${wanted.id} is locked from registry ${before}, and ${owner.registry} lists the same id now`,
      hint: `Write \`registry: ${before}\` under ${wanted.id} to stay, or \`registry: ${owner.registry}\` to change.`,
      ...this.#placeOf(wanted.id),
    })
    return this.#registries.snapshot(before)
  }

  async #listed(id: string, snapshot: IndexSnapshot): Promise<readonly Candidate[]> {
    const entry = await snapshot.entry(id)
    if (!entry) return []
    const registry = this.#registries.config(snapshot.registry)
    const authority = authorityOfEntry(entry, registry.profile)
    const judged = (await snapshot.lines(id)).map((line) => ({ line, problems: [...lineProblems(line, entry), ...foreignUrls(line, entry, snapshot)] }))
    const [bad, good] = [judged.filter((j) => j.problems.length > 0), judged.filter((j) => j.problems.length === 0)]
    const problems = bad.flatMap((j) => j.problems.map((p) => ({ ...p, message: `${snapshot.registry}: ${p.message}` })))
    const [first] = problems
    // A plugin all of whose lines must not be trusted is refused for that reason; it is not unknown.
    if (first && good.length === 0) throw new CatalystError(first.code, first.message, { problems })
    this.#warnings.push(...problems)
    return good.map(({ line }) => candidateOfLine(line, authority, { registry: snapshot.registry, head: snapshot.head }))
  }

  #problemOf(id: string, error: CatalystError): Problem {
    return { code: error.code, message: `${id}: ${error.message}`, hint: error.hint, ...this.#placeOf(id) }
  }

  #placeOf(id: string): { place?: NonNullable<DesiredPlugin['place']> } {
    const place = this.#plugins.get(id)?.place
    return place ? { place } : {}
  }
}

/** A dependency may be looked for again, when another registry turns out to own it. */
function eachOnce(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.code} ${problem.message}`, problem])).values()]
}

function foreignUrls(line: IndexLine, entry: RegistryEntry, snapshot: IndexSnapshot): readonly Problem[] {
  return [line.artifact.url, line.bundle.url]
    .filter((url) => !artifactUrlAllowed(url, entry, snapshot.file))
    .map((url) => ({ code: 'FOREIGN_URL', message: `${line.id} ${line.version} would be downloaded from ${url}, which is none of its repositories and no host of the registry` }))
}

/** The index's words about the locked version win (yanked, advisories), but its release must be the locked one. */
function merge(own: readonly Candidate[], found: readonly Candidate[]): readonly Candidate[] {
  const listed = new Set(found.map((c) => `${c.version} ${c.artifact.sha256}`))
  const kept = own.filter((c) => !listed.has(`${c.version} ${c.artifact.sha256}`))
  const versions = new Set(kept.map((c) => c.version))
  return [...kept, ...found.filter((c) => !versions.has(c.version))]
}
