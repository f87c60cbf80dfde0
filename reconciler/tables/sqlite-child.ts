/*
 * Runs in a process of its own, which is killed at the time limit: SQLite cannot be interrupted from JavaScript. Reads one
 * job from stdin, runs it in one transaction, says on stdout what came of it. Whatever ends the process before COMMIT,
 * nothing of the transaction stands.
 */
import { readFileSync, writeSync } from 'node:fs'
import { CatalystError } from '../../schemas/errors.ts'
import type { Inventory } from '../data-ports.ts'
import { connectConfined } from './sqlite-confined.ts'
import { drop } from './sqlite-drop.ts'
import type { Answer, Job } from './sqlite-jobs.ts'
import { migrate, revert, type MigrationRun } from './sqlite-migration.ts'

const parent = process.ppid
answer(run(JSON.parse(readFileSync(0, 'utf8')) as Job))

function run(job: Job): Answer {
  try {
    const db = connectConfined(job.path, job.growthBytes)
    const { path, plugin, fence } = job
    const inventory = carryOut({ db, path, plugin, fence, check: assertAwaited }, job)
    // Not closed: closing would copy the log into the database while somebody waits for the answer.
    return { kind: 'done', ...(inventory && { inventory }) }
  } catch (error) {
    return told(error)
  }
}

function carryOut(run: MigrationRun, job: Job): Inventory | undefined {
  if (job.kind === 'drop') return drop(run)
  if (job.kind === 'migrate') migrate(run, job.migration)
  else revert(run, job.id)
  return undefined
}

/** Orphans are given to another process: then nobody waits any more. */
function assertAwaited(): void {
  if (process.ppid !== parent) throw new CatalystError('MIGRATION_TIMEOUT', 'The process that asked for this has ended')
}

function told(error: unknown): Answer {
  const known = error instanceof CatalystError ? error : new CatalystError('STATE_UNAVAILABLE', `The store database: ${error instanceof Error ? error.message : String(error)}`)
  const { code, message, hint, place } = known
  return { kind: 'error', code, message, hint, ...(place && { file: place.file }), ...(place?.line !== undefined && { line: place.line }) }
}

function answer(said: Answer): void {
  const bytes = Buffer.from(JSON.stringify(said))
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written)
}
