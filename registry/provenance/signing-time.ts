import { CatalystError } from '../../schemas/errors.ts'

/** How far clocks may differ. */
const CLOCK_TOLERANCE_MS = 5 * 60_000

/** A signature from the future means that this machine's clock is wrong. `now` in epoch milliseconds. @throws CatalystError CLOCK_SKEW */
export function assertNotFromTheFuture(signedAt: Date, now: number | undefined): void {
  if (now === undefined || signedAt.getTime() <= now + CLOCK_TOLERANCE_MS) return
  throw new CatalystError('CLOCK_SKEW', `The signature is from ${isoTime(signedAt)}; the clock of this machine says ${isoTime(new Date(now))}`)
}

/** ISO 8601 in UTC, to the second where it has no more. */
export function isoTime(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z')
}
