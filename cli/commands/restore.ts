import type { Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { restore, type Restored } from '../../reconciler/apply/restore.ts'
import { bytesText, counted } from '../../reconciler/plan/amounts.ts'
import type { Command } from '../command.ts'
import { safe } from '../terminal.ts'
import { confirmed } from '../confirm.ts'

export interface RestoreArgs {
  readonly name?: string
  readonly all?: boolean
  readonly digest?: Digest
  readonly yes?: boolean
}

/**
 * `catalyst restore NAME | --all`: tables and data folder of a plugin as a backup holds them. What is there now is backed
 * up first. All of it is lost otherwise, so a person is asked at a terminal, and elsewhere `--yes` is needed.
 */
export const restoreCommand: Command<RestoreArgs> = async (context, { name, all, digest, yes }) => {
  const { house, paint } = context
  if ((name === undefined) === !all) throw new CatalystError('USAGE', 'restore takes the name of a backup, or --all', { hint: 'List them with `catalyst backups`.' })
  const { desired } = await house.files.readDesired()
  const names = name === undefined ? await newestOfEach(await (await house.backups(desired)).list()) : [name]
  if (names.length === 0) throw new CatalystError('NOT_FOUND', 'there are no backups')
  await confirmed(context, `Put back ${names.join(', ')}? What is there now is backed up first.`, yes)
  const done: Restored[] = []
  for (const one of names) done.push(await house.withRestoreDeps(desired, (deps) => restore(one, { storeId: desired.store.id, digest }, deps)))
  const lines = done.map(({ from, before, result }) => `${paint('good', '✓')} ${paint('strong', from.plugin)} as it was at ${safe(from.at)}: ${counted(result.tables, 'table')}, ${counted(result.rows, 'row')}, ${counted(result.files, 'data file')}, ${bytesText(from.bytes)}${before ? `; what was there is in ${safe(before.name)}` : ''}`)
  return { exit: 0, text: lines.join('\n'), result: { restored: done.map(({ from, before, result }) => ({ backup: from.name, before: before?.name ?? null, ...result })) } }
}

/** The names of the newest backup of each plugin; the list comes newest first. */
async function newestOfEach(list: readonly { readonly name: string; readonly plugin: string }[]): Promise<readonly string[]> {
  return [...Map.groupBy(list, (ref) => ref.plugin).values()].flatMap(([newest]) => (newest ? [newest.name] : []))
}
