import { CatalystError } from '../schemas/errors.ts'
import { printable } from '../schemas/printable.ts'
import type { Expectation, Probe, ProbedPlugin } from '../reconciler/ports.ts'
import { contractProblem } from './contracts.ts'
import type { ProbeAnswer } from './probe-child.ts'
import { childDigest, LIMITS, openProbeProcess, type ProbeProcess, type ProcessEnd, type ProcessLimits } from './probe-process.ts'

export { childDigest }

interface Waiting {
  readonly plugin: ProbedPlugin
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
const MAX_TOGETHER = 100

/** A child costs a start of Node: while others are still to come, none is started for fewer. */
const WORTH_A_CHILD = 20

/**
 * The thin probe: new code is loaded in a child that can do nothing, must keep the promise of its type
 * (sandbox/contracts.ts) and answer `health`. Asked for many, plugins of one publisher share a child; whatever
 * is not plainly well there is asked again alone, and only that counts (docs/adr/0007).
 */
export function createProbe(options: ProbeOptions = {}): Probe {
  return new ProbePool(options)
}

class ProbePool implements Probe {
  readonly #parallel: number
  readonly #limits: ProcessLimits
  readonly #running = new Set<Child>()
  #waiting: Waiting[] = []
  /** Who may still be asked for, by publisher; undefined when nobody has told. */
  #coming: Map<string, readonly ProbedPlugin[]> | undefined
  /** The child that is open for those who come. */
  #open: Child | undefined
  #planned = false

  constructor({ parallel = 2, limits = LIMITS }: ProbeOptions) {
    this.#parallel = parallel
    this.#limits = limits
  }

  run(plugin: ProbedPlugin, { signal }: { readonly signal?: AbortSignal }): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ plugin, signal, done, failed, alone: false })
      this.#plan()
    })
  }

  expect(plugins: readonly ProbedPlugin[]): Expectation {
    this.#coming = Map.groupBy(plugins.filter((p) => p.publisher !== undefined), (p) => p.publisher ?? '')
    this.#openForComing()
    return {
      end: () => {
        this.#start()
        this.#coming = undefined
        this.#open?.close()
        this.#open = undefined
        this.#plan()
      },
    }
  }

  /** Everything asked for in the same turn of the event loop is looked at together. */
  #plan(): void {
    if (this.#planned) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      this.#start()
    })
  }

  #start(): void {
    this.#waiting = this.#waiting.filter((one) => !one.signal?.aborted || one.failed(one.signal.reason))
    for (let open = this.#openForComing(); open !== undefined; open = this.#openForComing()) {
      this.#waiting = this.#waiting.filter((one) => !open?.take(one))
      if (!open.isFull) break
      this.#open = undefined
    }
    // While others are still to come, a child for a handful would cost more than it saves.
    if (this.#coming && (this.#open || this.#waiting.length < WORTH_A_CHILD)) return
    while (this.#running.size < this.#parallel && this.#waiting.length > 0) {
      const batch = takeBatch(this.#waiting, this.#parallel - this.#running.size)
      const child = this.#begin(batch.map((one) => one.plugin))
      for (const one of batch) child.take(one)
      child.close()
    }
  }

  /** Opens a child for the publisher of whom the most are to come: it starts while they are still fetched and unpacked. */
  #openForComing(): Child | undefined {
    if (!this.#coming || this.#open || this.#running.size >= this.#parallel) return this.#open
    const [publisher, plugins] = [...this.#coming].reduce<readonly [string, readonly ProbedPlugin[]]>((most, one) => (one[1].length > most[1].length ? one : most), ['', []])
    if (plugins.length < WORTH_A_CHILD) return undefined
    this.#coming.set(publisher, plugins.slice(MAX_TOGETHER))
    return (this.#open = this.#begin(plugins.slice(0, MAX_TOGETHER)))
  }

  #begin(plugins: readonly ProbedPlugin[]): Child {
    const child: Child = new Child(plugins, this.#limits, (again) => {
      this.#running.delete(child)
      if (this.#open === child) this.#open = undefined
      this.#waiting.push(...again)
      this.#plan()
    })
    this.#running.add(child)
    return child
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

/** A child process, and those who wait for what it says of them. */
class Child {
  readonly #process: ProbeProcess
  /** By folder: who may be asked for and was not yet. */
  readonly #numbers: Map<string, number>
  readonly #isAlone: boolean
  /** Asked for and not answered yet, in their order. */
  readonly #asked = new Map<number, Waiting>()
  readonly #unwell: { readonly one: Waiting; readonly why: string }[] = []
  #stopsWith: AbortSignal | undefined

  /** `onEnd` is told, once, who must be asked again. */
  constructor(plugins: readonly ProbedPlugin[], limits: ProcessLimits, onEnd: (again: readonly Waiting[]) => void) {
    this.#isAlone = plugins.length === 1
    this.#numbers = new Map(plugins.map(({ dir }, number) => [dir, number]))
    this.#process = openProbeProcess(plugins, { onAnswer: (number, answer) => this.#answered(number, answer), onEnd: (end) => onEnd(this.#settle(end)) }, limits)
  }

  /** Asks for a plugin that it was opened for; false for every other. */
  take(one: Waiting): boolean {
    const { plugin, signal } = one
    const number = one.alone && !this.#isAlone ? undefined : this.#numbers.get(plugin.dir)
    if (number === undefined) return false
    this.#numbers.delete(plugin.dir)
    this.#asked.set(number, one)
    this.#process.ask(number)
    if (signal && !this.#stopsWith) (this.#stopsWith = signal).addEventListener('abort', this.#process.stop, { once: true })
    if (this.isFull) this.close()
    return true
  }

  get isFull(): boolean {
    return this.#numbers.size === 0
  }

  close(): void {
    this.#process.close()
  }

  /** That it is well counts at once; anything else only when it has ended. */
  #answered(number: number, answer: ProbeAnswer): void {
    const one = this.#asked.get(number)
    if (!one) return
    this.#asked.delete(number)
    const why = problemOf(one.plugin, answer)
    if (why === undefined && !one.signal?.aborted) one.done()
    else this.#unwell.push({ one, why: why ?? 'was stopped' })
  }

  /** Loaded beside others, a plugin may have been spoilt by them: the one that ended the child, and those that answered badly, are asked alone. */
  #settle(end: ProcessEnd | { readonly error: Error }): readonly Waiting[] {
    this.#stopsWith?.removeEventListener('abort', this.#process.stop)
    const [suspect, ...others] = this.#asked.values()
    const failed = suspect ? [...this.#unwell, { one: suspect, why: whyOf(end) }] : this.#unwell
    const again: Waiting[] = []
    for (const { one, why } of failed) {
      if (one.signal?.aborted) one.failed(one.signal.reason)
      else if (this.#isAlone || 'error' in end) one.failed(failure(one.plugin, why, 'error' in end ? '' : end.output))
      else again.push(Object.assign(one, { alone: true }))
    }
    for (const one of others) {
      if (one.signal?.aborted) one.failed(one.signal.reason)
      else if ('error' in end) one.failed(failure(one.plugin, whyOf(end), ''))
      else again.push(one)
    }
    return again
  }
}

function whyOf(end: ProcessEnd | { readonly error: Error }): string {
  return 'error' in end ? `could not be started: ${end.error.message}` : `${end.ended} before it answered`
}

function problemOf({ type }: ProbedPlugin, answer: ProbeAnswer): string | undefined {
  if (answer.error !== undefined) return answer.error
  const broken = contractProblem(type, answer.members ?? {})
  if (broken !== undefined) return broken
  return answer.ok === true ? undefined : `health() says that it is not well: ${answer.message ?? 'no reason given'}`
}

function failure({ id, version }: ProbedPlugin, why: string, output: string): CatalystError {
  const printed = output.trim() === '' ? '' : `\nIt printed:\n${printable(output.trim(), { newlines: true, max: 2_000 })}`
  return new CatalystError('PROBE_FAILED', `${id} ${version}: ${printable(why, { max: 2_000 })}`, {
    hint: `The new code did not start; the old version stays live. Ask the publisher, or choose another version.${printed}`,
  })
}
