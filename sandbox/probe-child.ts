/*
 * Runs inside the probe's child, under --permission: no network, no writes, no processes, no files but the trees it
 * probes. Imports Node's own modules only, so that nothing else must be readable. All jobs come on stdin before foreign
 * code is loaded; which of them is next says a byte on file descriptor 4, its number, until that ends. One line per job
 * goes to file descriptor 3, each with the secret of its job.
 *
 * What it needs after foreign code was loaded is taken aside first: plugins may replace globals.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** What the parent asks of one plugin. `members` are the names whose types it wants to know. */
export interface ProbeJob {
  readonly secret: string
  readonly dir: string
  readonly main: string
  readonly members: readonly string[]
  /** For `createPlugin` and `health`, each. */
  readonly timeoutMs: number
}

/** What the child saw of one plugin. */
export interface ProbeAnswer {
  /** Why it could not be asked at all. */
  readonly error?: string
  /** `typeof` per member that the plugin has. */
  readonly members?: Readonly<Record<string, string>>
  readonly ok?: boolean
  readonly message?: string
}

const { stringify } = JSON
const { hasOwn, freeze } = Object
const { writeSync, readSync, readFileSync } = fs
const { wait } = Atomics
const toBytes = Buffer.from.bind(Buffer)
const setTimer = setTimeout
const race = Promise.race.bind(Promise)
// Not process.exit: that would run the exit handlers of plugins.
const { reallyExit } = process as unknown as { reallyExit: (code: number) => never }
const ANSWERS = 3
const TURNS = 4
const MAX_TEXT = 2_000

closeWhatPermissionsLeaveOpen()
const jobs = JSON.parse(readFileSync(0, 'utf8')) as ProbeJob[]
const turn = Buffer.alloc(1)
const never = new Int32Array(new SharedArrayBuffer(4))
while (readTurn()) {
  const job = jobs[turn[0] ?? -1]
  if (job) answer(job.secret, await probe(job))
}
reallyExit.call(process, 0)

/** Waits for the next byte without turning the event loop: what was probed has had its time. False at the end. */
function readTurn(): boolean {
  for (;;) {
    try {
      return readSync(TURNS, turn, 0, 1, null) === 1
    } catch (error) {
      // A plugin may have made the descriptor one that does not wait.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false
      wait(never, 0, 0, 5)
    }
  }
}

async function probe(job: ProbeJob): Promise<ProbeAnswer> {
  try {
    const loaded = (await import(pathToFileURL(join(job.dir, job.main)).href)) as Record<string, unknown>
    const createPlugin = loaded['createPlugin'] ?? (loaded['default'] as Record<string, unknown> | undefined)?.['createPlugin']
    if (typeof createPlugin !== 'function') return { error: `${job.main} does not export createPlugin(host)` }
    const plugin: unknown = await within(job.timeoutMs, 'createPlugin()', createPlugin(refusingHost()))
    if (typeof plugin !== 'object' || plugin === null) return { error: `createPlugin() returned ${plugin === null ? 'null' : typeof plugin}, not a plugin` }
    return await describe(plugin as Record<string, unknown>, job)
  } catch (error) {
    return { error: textOf(error) }
  }
}

async function describe(plugin: Record<string, unknown>, job: ProbeJob): Promise<ProbeAnswer> {
  const members: Record<string, string> = {}
  for (let i = 0; i < job.members.length; i++) {
    const name = job.members[i] ?? ''
    if (plugin[name] !== undefined && plugin[name] !== null) members[name] = typeof plugin[name]
  }
  if (members['health'] !== 'function') return { members }
  const health: unknown = await within(job.timeoutMs, 'health()', (plugin['health'] as () => unknown)())
  if (typeof health !== 'object' || health === null || !hasOwn(health, 'ok')) return { members, ok: false, message: 'health() did not answer { ok }' }
  const { ok, message } = health as { ok: unknown; message?: unknown }
  return { members, ok: ok === true, ...(typeof message === 'string' ? { message: cut(message) } : {}) }
}

/** A host whose every capability refuses: a probe asks whether code starts, not what it can do. */
function refusingHost(): object {
  const refuse = (what: string) => () => Promise.reject(Object.assign(new Error(`${what} is not available at a probe`), { code: 'CAPABILITY_DENIED' }))
  const nothing = (): void => undefined
  return freeze({
    config: freeze({}),
    http: freeze({ fetch: refuse('the network') }),
    db: freeze({ table: (name: string) => `plg_probe__${name}`, query: refuse('the database'), run: refuse('the database'), transaction: refuse('the database') }),
    files: freeze({ read: refuse('the data folder'), write: refuse('the data folder'), list: refuse('the data folder') }),
    plugins: freeze({ call: refuse('another plugin') }),
    log: freeze({ info: nothing, warn: nothing, error: nothing }),
    now: () => new Date().toISOString(),
  })
}

function within<T>(timeoutMs: number, what: string, work: T | Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => setTimer(() => reject(new Error(`${what} did not answer within ${timeoutMs} ms`)), timeoutMs))
  return race([work, late])
}

/** Strings only, put together without a method that a plugin could have replaced; a `toJSON` on Object.prototype is never asked. */
function answer(secret: string, { error, members, ok, message }: ProbeAnswer): void {
  let said = `"ok":${ok === true}`
  if (error !== undefined) said += `,"error":${stringify(error)}`
  if (message !== undefined) said += `,"message":${stringify(message)}`
  if (members !== undefined) said += `,"members":${membersText(members)}`
  writeWhole(`${secret} {${said}}\n`)
}

function membersText(members: Readonly<Record<string, string>>): string {
  let text = ''
  for (const name in members) if (hasOwn(members, name)) text += `${text === '' ? '' : ','}${stringify(name)}:${stringify(members[name])}`
  return `{${text}}`
}

function writeWhole(line: string): void {
  const bytes = toBytes(line)
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(ANSWERS, bytes, written)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

function textOf(error: unknown): string {
  try {
    return cut(error instanceof Error ? `${error.name}: ${error.message}` : `threw ${String(error)}`)
  } catch {
    return 'threw something that cannot be shown'
  }
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text
}

/**
 * --permission says nothing about signals: code could stop the process that probes it, or open its debugger, or change
 * its priority. These are taken away before any foreign code is loaded.
 */
function closeWhatPermissionsLeaveOpen(): void {
  const refuse = (name: string) => (): never => {
    throw Object.assign(new Error(`${name} is not available to plugins`), { code: 'ERR_ACCESS_DENIED' })
  }
  const names = ['kill', '_kill', '_debugProcess', '_debugEnd', 'dlopen', 'binding', '_linkedBinding', 'execve', 'setuid', 'setgid', 'seteuid', 'setegid', 'setgroups', 'initgroups']
  for (const name of names) Object.defineProperty(process, name, { value: refuse(`process.${name}`), writable: false, configurable: false })
  Object.defineProperty(os, 'setPriority', { value: refuse('os.setPriority'), writable: false, configurable: false })
  syncBuiltinESMExports()
}
