import type { CatalystError } from '../../schemas/errors.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { Expectation, InstallRecord, Probe, ProbedPlugin } from '../ports.ts'
import { diskError, mkdirIfMissing, trying } from '../state/disk.ts'
import { liveTrees } from '../state/generations.ts'
import { hasTree, markProven } from '../state/trees.ts'
import { bounded } from './bounded.ts'
import { isBeside, stage, type Staged, type StageDeps } from './stage.ts'
import type { Step } from './steps.ts'

export interface BringInDeps extends StageDeps {
  readonly probe: Probe
  /** Asked about each release that lies here proven, before it may go live: is its config what it takes, and is every value there? @throws CatalystError CONFIG_INVALID, SECRET_MISSING */
  readonly admit?: ((id: string, block: LockBlock, dir: string) => Promise<void>) | undefined
  /** Told the name of each boundary between two effects; a test stops the process there. */
  readonly onBoundary?: ((name: string) => void) | undefined
}

/** A step after which there is something here. */
type Arriving = Step & { readonly after: InstallRecord }

/** How many releases are fetched, proven and unpacked at the same time. */
export const PARALLEL = 8

/**
 * Brings every tree that will be live or kept to this machine, and starts the code that is not live here now, each as
 * soon as it is unpacked. Nothing live is touched. What fails is in `errors`, by id.
 * @throws only when `signal` is aborted; nothing goes on then
 */
export async function stageAndProbe(steps: readonly Step[], errors: Map<string, CatalystError>, deps: BringInDeps, signal: AbortSignal): Promise<ReadonlyMap<string, Staged>> {
  const wanted = steps.flatMap((step): readonly Arriving[] => (step.after && !step.done ? [{ ...step, after: step.after }] : []))
  const starting = new Starting(wanted, errors, deps, signal)
  const staged = new Map<string, Staged>()
  try {
    await bounded(wanted, PARALLEL, async ({ id, action, after }) => {
      await perPlugin(id, `stage ${id} ${after.block.version}`, errors, signal, async () => {
        const found = await stage(id, after.block, deps, { suspect: action === 'repair', signal })
        staged.set(id, found)
        // What runs already is repaired whatever its config says now.
        if (action !== 'repair') await deps.admit?.(id, after.block, found.dir)
        if (after.enabled) starting.add(found)
      })
      deps.progress({ stage: 'stage', id, done: staged.size, total: wanted.length })
      deps.onBoundary?.(`staged ${id}`)
    })
    markWhole([...staged.values()], deps)
    deps.onBoundary?.('staged')
  } finally {
    await starting.end()
  }
  return staged
}

function markWhole(staged: readonly Staged[], { paths }: BringInDeps): void {
  if (staged.length === 0) return
  trying(`write to ${paths.trees}`, () => markProven(paths, staged.filter((s) => !isBeside(s, paths)).map((s) => s.block.tree)))
}

/** Code that goes live and is not live here now must start first. */
class Starting {
  readonly #live: ReadonlyMap<string, string> | undefined
  readonly #total: number
  readonly #errors: Map<string, CatalystError>
  readonly #deps: BringInDeps
  readonly #signal: AbortSignal
  readonly #expectation: Expectation | undefined
  readonly #begun: Promise<void>[] = []
  #done = 0

  constructor(wanted: readonly Arriving[], errors: Map<string, CatalystError>, deps: BringInDeps, signal: AbortSignal) {
    this.#live = liveTrees(deps.paths)
    this.#errors = errors
    this.#deps = deps
    this.#signal = signal
    const enabled = wanted.filter(({ after }) => after.enabled)
    this.#total = enabled.length
    const missing = enabled.filter(({ after }) => !hasTree(deps.paths, after.block.tree))
    this.#expectation = isFolder(deps.paths.trees) ? deps.probe.expect?.(missing.map(({ id, after }) => probed(id, after.block, deps.paths.tree(after.block.tree)))) : undefined
  }

  add(found: Staged): void {
    if (this.#live?.get(found.id) === found.block.tree && !isBeside(found, this.#deps.paths)) return
    this.#begun.push(this.#start(found))
  }

  /** Waits for all that was begun. */
  async end(): Promise<void> {
    this.#expectation?.end()
    await Promise.allSettled(this.#begun)
  }

  async #start({ id, dir, block }: Staged): Promise<void> {
    await perPlugin(id, `probe ${id} ${block.version}`, this.#errors, this.#signal, async () => {
      await this.#deps.probe.run(probed(id, block, dir), { signal: this.#signal })
      this.#deps.progress({ stage: 'probe', id, done: ++this.#done, total: this.#total })
    })
  }
}

function probed(id: string, block: LockBlock, dir: string): ProbedPlugin {
  const { version, tree, main, type } = block
  return { id, version, dir, tree, main, type, publisher: publisherOf(block) }
}

/** Makes it when it is missing. Where that cannot be, staging says why, of each plugin. */
function isFolder(path: string): boolean {
  try {
    mkdirIfMissing(path)
    return true
  } catch {
    return false
  }
}

/** Whose signature was proven: the owner of the repository, on the host that it names. */
function publisherOf({ signer, repository }: LockBlock): string | undefined {
  return signer.kind === 'provenance' ? `${signer.profile} ${signer.issuer} ${new URL(repository.url).host} ${repository.ownerId}` : undefined
}

/** One plugin's failure is its own; only an abort ends the whole pass. */
async function perPlugin(id: string, tried: string, errors: Map<string, CatalystError>, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    signal.throwIfAborted()
    errors.set(id, diskError(error, tried))
  }
}
