import { CatalystError, type Problem } from '../../schemas/errors.ts'
import type { BackupRef, PluginData, Removal } from '../../reconciler/data-ports.ts'
import { counted } from '../../reconciler/plan/amounts.ts'
import type { DesiredState } from '../../reconciler/plan/desired.ts'
import { wasEmpty } from '../../reconciler/plan/retained.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { backupLine } from '../render/backup.ts'
import { safe } from '../terminal.ts'

export interface BackupsArgs {
  readonly id?: string
  readonly make?: boolean
  readonly verify?: boolean
  readonly prune?: boolean
  readonly keep?: number
  readonly keepDays?: number
}

const KEEP = 5
const KEEP_DAYS = 30

/** `catalyst backups [ID] [--make|--verify|--prune]`: what could be restored, newest first. */
export const backupsCommand: Command<BackupsArgs> = async (context, args) => {
  const { house } = context
  assertOneThing(args)
  const { desired } = await house.files.readDesired()
  if (args.make) return made(desired, args.id, context)
  const backups = await house.backups(desired)
  if (args.prune) return pruned(desired, backups, args, context)
  const listed = await backups.list(args.id)
  const problems = args.verify ? await damaged(listed, backups) : []
  const text = listed.length === 0 ? 'There are no backups.' : [...listed.map((ref) => backupLine(ref, context.paint)), '', `${counted(listed.length, 'backup')}${args.verify ? `, ${problems.length === 0 ? 'all read and whole' : `${problems.length} damaged`}` : ''}. Put one back with \`catalyst restore NAME\`.`].join('\n')
  return { exit: 0, text, result: { backups: listed }, problems }
}

function assertOneThing({ make, verify, prune, keep, keepDays }: BackupsArgs): void {
  if ([make, verify, prune].filter(Boolean).length > 1) throw new CatalystError('USAGE', 'backups takes one of --make, --verify and --prune')
  if (!prune && (keep !== undefined || keepDays !== undefined)) throw new CatalystError('USAGE', '--keep and --keep-days belong to --prune')
}

async function damaged(listed: readonly BackupRef[], backups: PluginData['backups']): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  for (const { name } of listed) {
    try {
      await backups.verify(name)
    } catch (error) {
      if (!(error instanceof CatalystError)) throw error
      problems.push({ code: error.code, message: `${name}: ${error.message}`, hint: error.hint })
    }
  }
  return problems
}

function isOpen(removal: Removal): boolean {
  return (['data', 'tables'] as const).some((key) => removal.classes[key].state !== 'purged' && !wasEmpty(key, removal))
}

async function made(desired: DesiredState, id: string | undefined, context: CommandContext): Promise<CommandResult> {
  const { house } = context
  const refs = await house.withLease(desired, async (state) => {
    const { installs } = await state.read()
    const wanted = installs.filter((record) => id === undefined || record.id === id)
    if (id !== undefined && wanted.length === 0) throw new CatalystError('NOT_INSTALLED', `${id} is not installed`)
    const backups = await house.backups(desired)
    const all: BackupRef[] = []
    for (const record of wanted) all.push(await backups.write({ record, store: desired.store.id, reason: 'asked for', config: record.config ?? {}, at: house.now() }))
    return all
  })
  const text = refs.length === 0 ? 'Nothing is installed, so there is nothing to back up.' : [...refs.map((ref) => backupLine(ref, context.paint)), '', `${counted(refs.length, 'backup')} written and read back.`].join('\n')
  return { exit: 0, text, result: { backups: refs } }
}

/** The backup of a removal is not pruned as long as something is left that it would bring back; after the purge it ages like the others. */
async function pruned(desired: DesiredState, backups: PluginData['backups'], { keep = KEEP, keepDays = KEEP_DAYS }: BackupsArgs, { house }: CommandContext): Promise<CommandResult> {
  const removed = await house.withLease(desired, async (state) => {
    const { retained } = await state.read()
    const pinned = new Set(retained.flatMap(({ removal }) => (removal?.backup && isOpen(removal) ? [removal.backup.name] : [])))
    return backups.prune({ keep, keepDays, now: house.now(), pinned })
  })
  const text = removed.length === 0 ? 'No backup is old enough to go.' : [...removed.map((name) => `- ${safe(name)}`), '', `${counted(removed.length, 'backup')} removed.`].join('\n')
  return { exit: 0, text, result: { removed } }
}
