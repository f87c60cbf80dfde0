import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CatalystError } from '../../schemas/errors.ts'
import type { SqlLimits } from '../data-ports.ts'
import type { Answer, Job } from './sqlite-jobs.ts'

/** The file that runs in the child: beside this one, as source or bundled. */
const CHILD = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './sqlite-child.ts' : './sqlite-child.cjs', import.meta.url))

const MAX_ANSWER_BYTES = 8 * 1024 * 1024
const MAX_STDERR = 300
/** What Node itself takes of the limit on writable memory, most of it never touched: V8 sets address space aside. */
const NODE_KB = 640 * 1024
/** Processor time beyond the time limit: for when this process is killed and nobody stops the child. */
const SPARE_SECONDS = 5
// Core files hold rows; -f is in blocks of 512 bytes and bounds each file, the log of the database and sorting too.
const LIMITED = 'ulimit -c 0; ulimit -t "$1"; ulimit -d "$2"; ulimit -f "$3"; shift 3; exec "$@"'

export interface ChildLimits extends SqlLimits {
  readonly memoryBytes: number
  /** The largest file that it may write. */
  readonly fileBytes: number
  /** The file that the child runs, when it is another one than beside this. */
  readonly entry?: string | undefined
}

/** How a job ended: with an answer, or before it could give one. */
export type Outcome = Answer | { readonly kind: 'ended'; readonly how: string; readonly stopped: boolean }

/** Runs one job in a child without environment, and kills it at its time limit or when called off. Rejects only when it cannot be started. */
export function runInChild(job: Job, limits: ChildLimits): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = start(limits)
    let output = ''
    let complaint = ''
    let stopped: string | undefined
    const stop = (why: string): void => {
      stopped ??= why
      child.kill('SIGKILL')
    }
    const timer = setTimeout(() => stop(`was stopped after ${limits.timeoutMs} ms`), limits.timeoutMs)
    const onAbort = (): void => stop('was called off')
    limits.signal?.addEventListener('abort', onAbort, { once: true })
    if (limits.signal?.aborted) onAbort()
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      if (output.length > MAX_ANSWER_BYTES) stop('said too much')
    })
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => void (complaint = (complaint + chunk).slice(0, MAX_STDERR)))
    child.stdin?.on('error', () => undefined) // it ended before it read: `close` tells
    child.stdin?.end(JSON.stringify(job))
    child.on('error', (cause) => reject(new CatalystError('STATE_UNAVAILABLE', `The process for migrations cannot be started: ${cause.message}`, { cause })))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      limits.signal?.removeEventListener('abort', onAbort)
      const how = stopped ?? `${signal ? `was ended by ${signal}` : `ended with exit code ${code}`}${complaint === '' ? '' : `: ${complaint.trim()}`}`
      resolve(parse(output) ?? { kind: 'ended', how, stopped: stopped !== undefined })
    })
  })
}

function start({ timeoutMs, memoryBytes, fileBytes, entry = CHILD }: ChildLimits): ChildProcess {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', '--max-old-space-size=128', entry]
  const bounds = [Math.ceil(timeoutMs / 1000) + SPARE_SECONDS, NODE_KB + Math.ceil(memoryBytes / 1024), Math.ceil(fileBytes / 512)]
  const [command, ...args] = process.platform === 'win32' ? node : ['/bin/sh', '-c', LIMITED, 'sh', ...bounds.map(String), ...node]
  return spawn(command ?? '', args, { env: {}, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true })
}

/** Only the whole answer counts. */
function parse(output: string): Answer | undefined {
  try {
    return JSON.parse(output) as Answer
  } catch {
    return undefined
  }
}
