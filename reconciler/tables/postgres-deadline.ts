import { CatalystError } from '../../schemas/errors.ts'
import type { SqlLimits } from '../data-ports.ts'

/** Ends foreign work at its time limit, or when it is called off. The plugin can lift the server's limits for its own session; not this one. */
export class Deadline {
  #why: string | undefined
  readonly #timer: NodeJS.Timeout
  readonly #signal: AbortSignal | undefined
  readonly #callOff: () => void

  /** `stop` is called once, at most. What it throws is for its own work to show. */
  constructor({ timeoutMs, signal }: SqlLimits, stop: () => Promise<unknown>) {
    const end = (why: string): void => {
      if (this.#why !== undefined) return
      this.#why = why
      stop().catch(() => undefined)
    }
    this.#callOff = () => end('was called off')
    this.#timer = setTimeout(() => end(`took longer than ${timeoutMs} ms`), timeoutMs)
    this.#signal = signal
    signal?.addEventListener('abort', this.#callOff)
    if (signal?.aborted) this.#callOff()
  }

  /** What to say when it has struck. */
  stopped(file: string): CatalystError | undefined {
    return this.#why === undefined ? undefined : new CatalystError('MIGRATION_TIMEOUT', `${file} ${this.#why} and was stopped`)
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#callOff)
  }
}
