import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { sha256, type Digest } from '../schemas/digest.ts'
import { CONTRACTS } from './contracts.ts'
import type { ProbeAnswer, ProbeJob } from './probe-child.ts'

/** A plugin whose tree lies on this machine. */
export interface Probed {
  readonly dir: string
  readonly main: string
}

/** How a child ended. */
export interface ProcessEnd {
  /** For people. */
  readonly ended: string
  /** The beginning of what was printed. Foreign text: not made safe yet. */
  readonly output: string
}

/** A child that loads plugins one after the other, each when it is asked for. */
export interface ProbeProcess {
  /** Asks for the plugin of this number, once. It must lie where it was said to lie by now. */
  ask(number: number): void
  /** No more is asked for: it ends with the last answer. */
  close(): void
  /** Ends it now. */
  stop(): void
}

export interface ProcessEvents {
  onAnswer(number: number, answer: ProbeAnswer): void
  /** Told once, last; `error` when it could not even be started. */
  onEnd(end: ProcessEnd | { readonly error: Error }): void
}

export interface ProcessLimits {
  /** Without an answer for so long the child is stopped. */
  readonly silenceMs: number
  /** For `createPlugin` and for `health`, each. */
  readonly healthMs: number
}

export const LIMITS: ProcessLimits = { silenceMs: 10_000, healthMs: 2_000 }

const MAX_OUTPUT_BYTES = 1_000_000
const KEPT_OUTPUT_CHARACTERS = 4_000
const HEAP_MB = 128
// Writable memory in all (kB), buffers too, which the heap limit does not count; processor time (s), for when the parent is killed and nobody stops a loop.
const SHELL_LIMITS = 'ulimit -c 0; ulimit -t 60; ulimit -d 1048576; exec "$0" "$@"'

const MEMBERS = [...new Set(['health', 'hooks', 'operations', 'webhooks', ...Object.values(CONTRACTS).flat(2)])]

/** The file that runs in the child: beside this one, as source or bundled. */
const CHILD = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './probe-child.ts' : './probe-child.js', import.meta.url))

/** Names the code that runs in the child, all of it: it imports nothing but Node's own modules. */
export function childDigest(): Digest {
  return sha256(readFileSync(CHILD))
}

/** So many plugins a child may be opened for: their numbers are single bytes. */
export const MOST_PLUGINS = 256

/**
 * Starts a child that may read these trees and nothing else: no network, no writes, no processes, an empty environment,
 * bounded memory, time and output. They need not be there before they are asked for. Never throws for what a plugin does.
 */
export function openProbeProcess(plugins: readonly Probed[], events: ProcessEvents, limits: ProcessLimits = LIMITS): ProbeProcess {
  const started = start(plugins, limits)
  if ('error' in started) {
    setImmediate(() => events.onEnd(started))
    return { ask: () => undefined, close: () => undefined, stop: () => undefined }
  }
  const { jobs, child } = started
  // Without descriptors to spare there is none; `error` tells then.
  const turns = child.stdio?.[4] as Writable | undefined
  /** Asked for and not answered yet, in their order. */
  const pending: number[] = []
  let output = ''
  let printed = 0
  let ended: string | undefined
  let closed = false
  const stop = (why: string): void => {
    ended ??= why
    stopGroup(child)
  }
  let silence: NodeJS.Timeout | undefined
  const listen = (): void => {
    clearTimeout(silence)
    if (pending.length > 0) silence = setTimeout(() => stop(`gave no answer for ${limits.silenceMs} ms`), limits.silenceMs)
    else if (closed) stop('answered')
  }
  const onText = (chunk: string): void => {
    printed += chunk.length
    if (output.length < KEPT_OUTPUT_CHARACTERS) output += chunk.slice(0, KEPT_OUTPUT_CHARACTERS - output.length)
    if (printed > MAX_OUTPUT_BYTES) stop(`printed more than ${MAX_OUTPUT_BYTES} bytes`)
  }
  const onAnswer = (line: string): void => {
    const [next = -1] = pending
    const said = parseAnswer(line, jobs[next])
    if (!said) return
    pending.shift()
    events.onAnswer(next, said)
    listen()
  }
  child.stdout?.setEncoding('utf8').on('data', onText)
  child.stderr?.setEncoding('utf8').on('data', onText)
  readLines(child, onAnswer, () => stop('wrote too much instead of an answer'))
  turns?.on('error', () => undefined) // it ended before it read: `close` tells
  let told = false
  const onEnd: ProcessEvents['onEnd'] = (end) => {
    clearTimeout(silence)
    if (!told) events.onEnd(end)
    told = true
  }
  child.on('error', (error) => onEnd({ error }))
  child.on('close', (code, by) => {
    onEnd({ ended: ended ?? (by ? `was ended by ${by}` : `ended with exit code ${code}`), output })
  })
  return {
    ask(number) {
      turns?.write(Uint8Array.of(number))
      if (pending.push(number) === 1) listen()
    },
    close() {
      closed = true
      if (pending.length === 0) listen()
    },
    stop: () => stop('was stopped'),
  }
}

function start(plugins: readonly Probed[], limits: ProcessLimits): { readonly jobs: readonly ProbeJob[]; readonly child: ChildProcess } | { readonly error: Error } {
  try {
    const jobs: ProbeJob[] = plugins.map(({ dir, main }) => ({ secret: randomBytes(16).toString('hex'), dir: realPath(dir), main, members: MEMBERS, timeoutMs: limits.healthMs }))
    return { jobs, child: startChild(jobs) }
  } catch (error) {
    return { error: error as Error }
  }
}

/** Of a folder that may still be to come, in one that is there. */
function realPath(dir: string): string {
  return existsSync(dir) ? realpathSync(dir) : join(realpathSync(dirname(dir)), basename(dir))
}

function startChild(jobs: readonly ProbeJob[]): ChildProcess {
  const args = [
    '--permission',
    `--allow-fs-read=${realpathSync(CHILD)}`,
    // With the star, because it may not be there yet and Node would take it for a file.
    ...jobs.map((job) => `--allow-fs-read=${join(job.dir, '*')}`),
    '--no-experimental-sqlite',
    '--no-addons',
    // The tree has no links, and looking for them costs more than reading the files.
    '--preserve-symlinks',
    '--preserve-symlinks-main',
    `--max-old-space-size=${HEAP_MB}`,
    CHILD,
  ]
  const [command, ...rest] = process.platform === 'win32' ? [process.execPath, ...args] : ['/bin/sh', '-c', SHELL_LIMITS, process.execPath, ...args]
  const dir = jobs[0]?.dir ?? ''
  const cwd = existsSync(dir) ? dir : dirname(dir)
  // A group of its own: a signal that a plugin sends to "its group" reaches nobody else.
  const child = spawn(command ?? '', rest, { env: {}, cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'] })
  child.stdin?.on('error', () => undefined) // it ended before it read: `close` tells
  child.stdin?.end(JSON.stringify(jobs))
  return child
}

/** An answer counts only with the secret of the job whose turn it is, and in the shape of one: what a plugin prints is none. */
function parseAnswer(line: string, job: ProbeJob | undefined): ProbeAnswer | undefined {
  if (!job || !line.startsWith(`${job.secret} `)) return undefined
  try {
    const said = JSON.parse(line.slice(job.secret.length + 1)) as ProbeAnswer
    return isAnswer(said) ? said : undefined
  } catch {
    return undefined
  }
}

function isAnswer({ error = '', members = {}, ok = false, message = '' }: ProbeAnswer): boolean {
  return typeof error === 'string' && typeof message === 'string' && typeof ok === 'boolean' && Object.values(members).every((kind) => typeof kind === 'string')
}

const MAX_LINE = 64_000

function readLines(child: ChildProcess, onLine: (line: string) => void, onTooMuch: () => void): void {
  const stream = child.stdio?.[3]
  if (!stream || !('setEncoding' in stream)) return
  let rest = ''
  let total = 0
  stream.setEncoding('utf8')
  stream.on('error', () => undefined)
  stream.on('data', (chunk: string) => {
    total += chunk.length
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE || total > MAX_OUTPUT_BYTES) return onTooMuch()
    for (const line of lines) onLine(line)
  })
}

function stopGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL')
  } catch {
    // It ended by itself just now.
  }
}
