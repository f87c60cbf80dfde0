import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StorePaths } from './paths.ts'
import { namesIn } from './trees.ts'

/** A host whose process cannot be seen from here (another container) counts for so long after its last sign of life. */
const UNSEEN_HOST_MS = 24 * 60 * 60 * 1000

/**
 * Tells that this process runs the code of a generation, so that nobody collects it. Call again with another number
 * after a reload, and at least once a day. The function returned takes the sign away.
 */
export function enterHost(paths: StorePaths, generation: number): () => void {
  mkdirSync(paths.hosts, { recursive: true })
  const file = join(paths.hosts, String(process.pid))
  writeFileSync(file, String(generation))
  return () => rmSync(file, { force: true })
}

/** The generations that running hosts use. In doubt a host runs. */
export function hostedGenerations(paths: StorePaths, now: string): ReadonlySet<number> {
  const numbers = namesIn(paths.hosts)
    .filter((pid) => isAlive(Number(pid)) || seenLately(join(paths.hosts, pid), now))
    .map((pid) => Number(readFileSync(join(paths.hosts, pid), 'utf8')))
  return new Set(numbers)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function seenLately(file: string, now: string): boolean {
  return Date.parse(now) - lstatSync(file).mtimeMs < UNSEEN_HOST_MS
}
