import type { Digest } from '../../schemas/digest.ts'
import { CatalystError, type Problem } from '../../schemas/errors.ts'
import { restore, type Restored } from '../../reconciler/apply/restore.ts'
import type { BackupRef } from '../../reconciler/data-ports.ts'
import { bytesText, counted } from '../../reconciler/plan/amounts.ts'
import type { DesiredState } from '../../reconciler/plan/desired.ts'
import type { InstallRecord } from '../../reconciler/ports.ts'
import type { Command, CommandContext } from '../command.ts'
import { safe, type Paint } from '../terminal.ts'
import { confirmed } from '../confirm.ts'
import { backupLine } from '../render/backup.ts'

export interface RestoreArgs {
  readonly name?: string
  readonly all?: boolean
  readonly digest?: Digest
  readonly yes?: boolean
}

/**
 * `catalyst restore NAME | --all`: tables and data folder of a plugin as a backup holds them; with `--all` of every installed
 * plugin the newest backup of its version. What is there now is backed up first. All of it is lost otherwise, so a person is
 * asked at a terminal, and elsewhere `--yes` is needed. One plugin that cannot be restored holds up no other.
 */
export const restoreCommand: Command<RestoreArgs> = async (context, { name, all, digest, yes }) => {
  const { house, paint } = context
  if ((name === undefined) === !all) throw new CatalystError('USAGE', 'restore takes the name of a backup, or --all', { hint: 'List them with `catalyst backups`.' })
  if (digest !== undefined && all) throw new CatalystError('USAGE', '--digest belongs to one backup, not to --all')
  const { desired } = await house.files.readDesired()
  const { names, without } = name === undefined ? await ofAll(desired, context, yes) : { names: [name], without: [] }
  await confirmed(context, `Put back ${names.length === 1 ? names[0] : `these ${names.length}`}? What is there now is backed up first.`, yes)
  const done: Restored[] = []
  const problems: Problem[] = []
  for (const one of names) {
    try {
      done.push(await house.withRestoreDeps(desired, (deps) => restore(one, { storeId: desired.store.id, digest }, deps)))
    } catch (error) {
      if (!(error instanceof CatalystError) || !all) throw error
      problems.push({ code: error.code, message: `${one}: ${error.message}`, hint: error.hint })
    }
  }
  const text = [...done.map((restored) => restoredLine(restored, paint)), ...without.map((id) => `${paint('quiet', '·')} ${id} stays as it is: there is no backup of its version`)].join('\n')
  return { exit: 0, text, result: { restored: done.map(({ from, before, result }) => ({ backup: from.name, before: before?.name ?? null, ...result })), without }, problems }
}

/** The newest backup of the installed version of each plugin, shown to whoever is asked next; and the plugins that have none. */
async function ofAll(desired: DesiredState, { house, terminal, json, paint }: CommandContext, yes: boolean | undefined): Promise<{ readonly names: readonly string[]; readonly without: readonly string[] }> {
  const [installs, listed] = await Promise.all([house.installs(desired), house.backups(desired).then((backups) => backups.list())])
  const newest = ({ id, block }: InstallRecord): BackupRef | undefined => listed.find((ref) => ref.plugin === id && ref.version === block.version)
  const found = installs.flatMap((record) => newest(record) ?? [])
  if (found.length === 0) throw new CatalystError('NOT_FOUND', 'there is no backup of any installed plugin in its version', { hint: 'See what there is with `catalyst backups`; one of a removed plugin is put back by its name.' })
  if (!yes && !json) terminal.err(found.map((ref) => backupLine(ref, paint)).join('\n'))
  return { names: found.map((ref) => ref.name), without: installs.filter((record) => newest(record) === undefined).map((record) => record.id) }
}

function restoredLine({ from, before, result }: Restored, paint: Paint): string {
  const what = `${counted(result.tables, 'table')}, ${counted(result.rows, 'row')}, ${counted(result.files, 'data file')}, ${bytesText(from.bytes)}`
  return `${paint('good', '✓')} ${paint('strong', from.plugin)} as it was at ${safe(from.at)}: ${what}${before ? `; what was there is in ${safe(before.name)}` : ''}`
}
