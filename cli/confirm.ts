import { CatalystError } from '../schemas/errors.ts'
import type { CommandContext } from './command.ts'

/**
 * Asks a person before something that cannot be taken back. Where nobody can be asked, only `--yes` counts.
 * @throws CatalystError USAGE without consent; nothing was done then
 */
export async function confirmed({ house, terminal, json }: CommandContext, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return
  if (json || !terminal.ask) throw new CatalystError('USAGE', 'nobody can be asked here, and this cannot be taken back', { hint: 'Read what it would do, then run the same command with --yes. Nothing was changed.' })
  if (!(await house.confirm(question))) throw new CatalystError('USAGE', 'not confirmed', { hint: 'Nothing was changed.' })
}
