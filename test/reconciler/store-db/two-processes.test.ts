import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StoreState } from '../../../reconciler/ports.ts'
import { brokenLink } from '../../../reconciler/store-db/audit.ts'
import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { at } from '../../contracts/records.ts'
import { bundled } from '../../builders/bundled.ts'
import { newDatabase } from '../../postgres-server.ts'

/* Real processes on one store: what holds between two connections of one process could be luck. */

const engines = {
  async SQLite() {
    const folder = mkdtempSync(join(tmpdir(), 'catalyst-two-'))
    const address = join(folder, 'store.db')
    return { address, open: () => openSqlite(address), remove: async () => rmSync(folder, { recursive: true }) }
  },
  async PostgreSQL() {
    const database = await newDatabase()
    return { address: database.url, open: () => openPostgres(database.url), remove: () => database.drop() }
  },
}

describe.each(Object.entries(engines))('processes on %s', (_, make) => {
  let under: Awaited<ReturnType<typeof make>>
  let others: Other[]
  let store: StoreState
  beforeEach(async () => {
    others = []
    under = await make()
    store = await under.open()
  })
  afterEach(async () => {
    for (const other of others) await other.end()
    await store.close()
    await under.remove()
  })
  const start = async (holder: string): Promise<Other> => {
    const other = new Other(under.address, holder)
    others.push(other)
    await other.next()
    return other
  }

  test('of those that take the lease at the same time one gets it, the others are told who', async () => {
    const racing = await Promise.all(['one', 'two', 'three'].map(start))
    const answers = await Promise.all(racing.map((other) => other.ask('acquire')))
    expect(answers.filter((a) => a.token !== undefined)).toHaveLength(1)
    expect(answers.filter((a) => a.code === 'BUSY')).toHaveLength(2)
    const holder = (await store.lease(at(1)))?.holder ?? 'nobody'
    expect(answers.filter((a) => a.message?.includes(holder))).toHaveLength(2)
  })

  test('a process that slept while its lease was stolen writes nothing when it wakes', async () => {
    const sleeper = await start('sleeper')
    await sleeper.ask('acquire')
    sleeper.process.kill('SIGSTOP')
    await store.breakLease(at(1), 'operator')
    const thief = await start('thief')
    await thief.ask('acquire')
    await thief.ask('commit 1')
    const before = await store.read()
    sleeper.process.kill('SIGCONT')
    expect(await sleeper.ask('commit 2')).toMatchObject({ code: 'LEASE_LOST' })
    expect(await store.read()).toEqual(before)
  })

  test('a process that is killed leaves whole commits', async () => {
    const dying = await start('dying')
    await dying.ask('acquire')
    await dying.ask('commit 1')
    dying.send('commit 2')
    dying.process.kill('SIGKILL')
    await dying.end()
    const read = await store.read()
    const audit = await store.audit({ limit: 10 })
    expect(read.activations.map((a) => a.generation)).toEqual(read.generations.map((g) => g.number))
    expect(read.installs.map((r) => r.block.version)).toEqual([`${read.generation?.number}.0.0`])
    expect(audit).toHaveLength(read.generations.length)
    expect(brokenLink(audit)).toBeUndefined()
    expect(read.serial).toBe(audit.length)
  })
})

interface Told {
  readonly token?: number
  readonly code?: string
  readonly message?: string
}

const PROGRAM = bundled('test/reconciler/store-db/lease-process.ts')

class Other {
  readonly process: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>

  constructor(address: string, holder: string) {
    this.process = spawn(process.execPath, [PROGRAM, address, holder], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#ended = new Promise((done) => this.process.once('exit', done))
    if (!this.process.stdout) throw new Error('no stdout')
    this.#lines = createInterface(this.process.stdout)[Symbol.asyncIterator]()
  }

  async next(): Promise<Told> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the process ended without an answer')
    return JSON.parse(value) as Told
  }

  ask(line: string): Promise<Told> {
    this.send(line)
    return this.next()
  }

  send(line: string): void {
    this.process.stdin?.write(`${line}\n`)
  }

  async end(): Promise<void> {
    this.process.stdin?.destroy()
    this.process.kill('SIGKILL')
    await this.#ended
  }
}
