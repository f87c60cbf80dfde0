import { type ChildProcess, fork } from 'node:child_process'
import type { Finding } from './findings.ts'
import type { Package } from './package-view.ts'
import { rulePackageUnreadable } from './rules/unparsable.ts'

/** What goes to the other process; it answers with findings. */
export interface ApartRequest {
  readonly files: readonly { readonly path: string; readonly mode: string; readonly size: number; readonly bytes: Uint8Array }[]
  readonly manifest: Package['manifest']
}

/** A validator in a process of its own. */
export interface ApartValidator {
  /** The findings of `validate`; a package that takes the process down, or keeps it busy for too long, has that as its finding. Never rejects. */
  validate(pkg: Package): Promise<readonly Finding[]>
  /** Ends the process. Packages that still wait are answered first. */
  close(): Promise<void>
}

/** `entry`: the file that the process runs, for programs that are bundled. `timeoutMs`: the longest that one package may take. */
export interface ApartOptions {
  readonly entry?: string | URL
  readonly timeoutMs?: number
}

/** The same process from sources and from a bundle. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './apart-process.ts' : './apart-process.cjs', import.meta.url)
const TIMEOUT_MS = 30_000

/**
 * Judges packages in one other process, which starts with the first package and has no environment: a native parser
 * reads code of strangers there, and whatever that code does to it, this process goes on. It also takes the work off
 * this process's thread.
 */
export function validateApart(options: ApartOptions = {}): ApartValidator {
  return new Apart(options.entry ?? ENTRY, options.timeoutMs ?? TIMEOUT_MS)
}

interface Job {
  readonly request: ApartRequest
  readonly answer: (findings: readonly Finding[]) => void
}

class Apart implements ApartValidator {
  readonly #entry: string | URL
  readonly #timeoutMs: number
  readonly #waiting: Job[] = []
  #child: ChildProcess | undefined
  #current: Job | undefined
  #timer: NodeJS.Timeout | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(entry: string | URL, timeoutMs: number) {
    this.#entry = entry
    this.#timeoutMs = timeoutMs
  }

  validate(pkg: Package): Promise<readonly Finding[]> {
    const { promise, resolve } = Promise.withResolvers<readonly Finding[]>()
    this.#waiting.push({ request: requestOf(pkg), answer: resolve })
    this.#last = Promise.all([this.#last, promise])
    this.#next()
    return promise
  }

  async close(): Promise<void> {
    await this.#last
    const child = this.#child
    if (!child) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.ref()
    child.disconnect()
    await ended
  }

  #next(): void {
    if (this.#current || this.#waiting.length === 0) return
    this.#current = this.#waiting.shift()
    const child = (this.#child ??= this.#start())
    child.ref()
    child.channel?.ref()
    this.#timer = setTimeout(() => child.kill('SIGKILL'), this.#timeoutMs)
    // A process that is just ending cannot be sent to; its exit answers for the package.
    child.send(this.#current?.request ?? {}, () => undefined)
  }

  #start(): ChildProcess {
    const child = fork(this.#entry, [], { serialization: 'advanced', env: {}, execArgv: ['--disable-warning=ExperimentalWarning'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.on('message', (findings) => this.#answer(findings as readonly Finding[]))
    child.on('error', () => undefined)
    child.on('exit', (code, signal) => {
      this.#child = undefined
      this.#answer([rulePackageUnreadable(signal === 'SIGKILL' ? `it took more than ${this.#timeoutMs} ms, or all memory` : `the reader ended with ${signal ?? `exit code ${code}`}`)])
    })
    return child
  }

  #answer(findings: readonly Finding[]): void {
    clearTimeout(this.#timer)
    const job = this.#current
    this.#current = undefined
    // Idle, it does not keep a program alive that forgets to close it.
    this.#child?.unref()
    this.#child?.channel?.unref()
    job?.answer(findings)
    this.#next()
  }
}

function requestOf(pkg: Package): ApartRequest {
  return { manifest: pkg.manifest, files: pkg.files.map(({ path, mode, size }) => ({ path, mode, size, bytes: pkg.read(path) ?? new Uint8Array() })) }
}
