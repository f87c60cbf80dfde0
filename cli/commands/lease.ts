import { safe } from '../terminal.ts'
import type { Command } from '../command.ts'

/** `catalyst lease [--release]`: who is applying now; with `--release` the lease is taken away and its holder's writes fail. */
export const leaseCommand: Command<{ readonly release?: boolean }> = async ({ house }, { release }) => {
  const { desired } = await house.files.readDesired()
  return house.withState(desired, { readOnly: !release }, async (state) => {
    const lease = await state.lease(house.now())
    if (release && lease) await state.breakLease(house.now(), house.who())
    const present = lease ? `${safe(lease.holder)} since ${lease.since}, until ${lease.expiresAt} unless renewed` : 'Nobody is applying.'
    const text = release && lease ? `Taken away from ${present}. What it writes from now on is refused.` : present
    return { exit: 0, text, result: { lease: lease ?? null, released: Boolean(release && lease) } }
  })
}
