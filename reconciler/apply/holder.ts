import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { bootId } from '../state/boot.ts'

/*
 * Who holds the lease, in a way that the next process on the same machine can tell whether that one still lives: a
 * killed apply then holds nobody up until its lease expires.
 */

/** The name of this process as a lease holder: host, start of the machine and process space, process id. */
export function holderName(): string {
  return `${here()}:${process.pid}`
}

/** True when `holder` was a process of this machine and is surely gone. In doubt it lives. */
export function isGone(holder: string): boolean {
  const colon = holder.lastIndexOf(':')
  const pid = Number(holder.slice(colon + 1))
  if (holder.slice(0, colon) !== here() || !Number.isInteger(pid) || pid <= 0) return false
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Process ids mean something only within one process space of one start of one machine: a container has its own. */
function here(): string {
  return `${hostname()}/${bootId().slice(0, 8)}/${processSpace()}`
}

function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '')
  } catch {
    return '0'
  }
}
