import { CatalystError } from '../../schemas/errors.ts'
import type { Pass } from './pass.ts'

/** What failed in a pass, by plugin. */
export interface Failures {
  /** Before its group switched: all of the group stays as it was. */
  readonly broken: Map<string, CatalystError>
  /** After its group switched: the others of the group are not touched by it. */
  readonly late: Map<string, CatalystError>
}

/** One plugin's failure is its own; only an abort and a lost lease end the whole pass. */
export async function keeping(id: string, errors: Map<string, CatalystError>, pass: Pass, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    pass.signal.throwIfAborted()
    if (!(error instanceof CatalystError) || error.code === 'LEASE_LOST') throw error
    errors.set(id, error)
  }
}
