import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

/**
 * A text that changes when this machine starts anew. What was written without fsync before that may be incomplete
 * (docs/adr/0006). Where the kernel gives no boot id it is the minute of the start; a doubt costs a look, not an error.
 */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return `started-${Math.round((Date.now() / 1000 - uptime()) / 60)}`
  }
}
