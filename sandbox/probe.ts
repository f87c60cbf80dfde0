import { CatalystError } from '../schemas/errors.ts'
import { printable } from '../schemas/printable.ts'
import type { Probe } from '../reconciler/ports.ts'
import { contractProblem } from './contracts.ts'
import type { ProbeAnswer } from './probe-child.ts'
import { childDigest, LIMITS, probeInProcess, type ProcessLimits, type ProcessResult } from './probe-process.ts'

export { childDigest }

type Plugin = Parameters<Probe['run']>[0]

interface Waiting {
  readonly plugin: Plugin
  readonly signal: AbortSignal | undefined
  readonly done: () => void
  readonly failed: (error: unknown) => void
  /** Set once it failed beside others: only what it does alone counts then. */
  alone: boolean
}

export interface ProbeOptions {
  /** Children at the same time. */
  readonly parallel?: number
  readonly limits?: ProcessLimits
}

/** A child loads so many plugins at most: what one of them spoils is loaded again, so few are spoilt. */
const MAX_TOGETHER = 50

/**
 * The thin probe: new code is loaded in a child that can do nothing, must keep the promise of its type
 * (sandbox/contracts.ts) and answer `health`. Asked for many at once, plugins of one publisher share a child; whatever
 * is not plainly well there is asked again alone, and only that counts (docs/adr/0007).
 */
export function createProbe(options: ProbeOptions = {}): Probe {
  const { parallel = 2, limits = LIMITS } = options
  const waiting: Waiting[] = []
  let running = 0
  let planned = false

  const start = (): void => {
    planned = false
    while (running < parallel && waiting.length > 0) {
      const batch = takeBatch(waiting, parallel - running)
      running += 1
      void probeTogether(batch, limits, (again) => waiting.push(...again)).finally(() => {
        running -= 1
        start()
      })
    }
  }
  // Everything asked for in the same turn of the event loop is looked at together.
  const plan = (): void => {
    if (planned) return
    planned = true
    setImmediate(start)
  }
  return {
    run: (plugin, { signal }) =>
      new Promise((done, failed) => {
        waiting.push({ plugin, signal, done, failed, alone: false })
        plan()
      }),
  }
}

/** The next ones of one publisher, but not more than one child's share of all that wait. */
function takeBatch(waiting: Waiting[], parallel: number): readonly Waiting[] {
  const first = waiting[0]
  if (!first) return []
  const share = Math.ceil(waiting.length / parallel)
  const batch = mates(first, waiting).slice(0, Math.min(MAX_TOGETHER, share))
  for (const one of batch) waiting.splice(waiting.indexOf(one), 1)
  return batch
}

function mates(first: Waiting, waiting: readonly Waiting[]): readonly Waiting[] {
  const { publisher } = first.plugin
  if (first.alone || publisher === undefined) return [first]
  return waiting.filter((other) => !other.alone && other.plugin.publisher === publisher)
}

async function probeTogether(batch: readonly Waiting[], limits: ProcessLimits, again: (waiting: readonly Waiting[]) => void): Promise<void> {
  const alive = batch.filter((one) => !one.signal?.aborted || one.failed(one.signal.reason))
  if (alive.length === 0) return
  try {
    const result = await probeInProcess(alive.map((one) => one.plugin), { limits, signal: alive[0]?.signal })
    settle(alive, result, again)
  } catch (error) {
    for (const one of alive) one.failed(failure(one.plugin, `could not be started: ${(error as Error).message}`, ''))
  }
}

function settle(batch: readonly Waiting[], { answers, ended, output }: ProcessResult, again: (waiting: readonly Waiting[]) => void): void {
  const suspect = answers.indexOf(undefined)
  for (const [i, one] of batch.entries()) {
    const answer = answers[i]
    const why = answer ? problemOf(one.plugin, answer) : `${ended} before it answered`
    if (one.signal?.aborted) one.failed(one.signal.reason)
    else if (why === undefined) one.done()
    else if (batch.length === 1) one.failed(failure(one.plugin, why, output))
    else {
      // Loaded beside others, it may have been spoilt by them. The one that ended the child, and those that answered badly, are asked alone.
      one.alone = answer !== undefined || i === suspect
      again([one])
    }
  }
}

function problemOf({ type }: Plugin, answer: ProbeAnswer): string | undefined {
  if (answer.error !== undefined) return answer.error
  const broken = contractProblem(type, answer.members ?? {})
  if (broken !== undefined) return broken
  return answer.ok === true ? undefined : `health() says that it is not well: ${answer.message ?? 'no reason given'}`
}

function failure({ id, version }: Plugin, why: string, output: string): CatalystError {
  const printed = output.trim() === '' ? '' : `\nIt printed:\n${printable(output.trim(), { newlines: true, max: 2_000 })}`
  return new CatalystError('PROBE_FAILED', `${id} ${version}: ${printable(why, { max: 2_000 })}`, {
    hint: `The new code did not start; the old version stays live. Ask the publisher, or choose another version.${printed}`,
  })
}
