import { CatalystError } from '../../schemas/errors.ts'
import { OFF_REASON } from '../../reconciler/apply/standing.ts'
import { liftHolds, previewRollback, rollback, type RollbackPreview, type RollbackResult } from '../../reconciler/apply/rollback.ts'
import type { RollbackRequest, RolledBack } from '../../reconciler/apply/rollback-target.ts'
import type { DataRollback } from '../../reconciler/plan/data-rollback.ts'
import type { StoreSnapshot } from '../../reconciler/ports.ts'
import type { Command, CommandResult } from '../command.ts'
import type { House } from '../compose.ts'
import { renderDataRollback } from '../render/data-rollback.ts'
import { safe, type Paint } from '../terminal.ts'

export interface RollbackArgs {
  readonly id?: string
  readonly to?: number
  readonly lift?: boolean
  readonly dryRun?: boolean
}

/**
 * `catalyst rollback [ID] [--to N]`: back to a whole generation (the one before by default), or one plugin to the code
 * it had before. Offline. With `--dry-run` it only tells what would become of code and data. What is left is held until a person decides in git; `--lift ID` takes the hold away.
 */
export const rollbackCommand: Command<RollbackArgs> = async ({ house, paint }, args) => {
  assertOneTarget(args)
  const database = await house.databaseOfStore()
  if (args.lift) return lifted(args.id ?? '', await house.withRollbackDeps(database, (deps) => liftHolds(args.id ?? '', deps)))
  if (args.dryRun) return previewed(await house.withRollbackDeps(database, async (deps) => previewRollback(args.id ? { id: args.id } : await generationRequest(args.to, await deps.state.read()), deps)), paint)
  const began = house.now()
  const result = await house.withRollbackDeps(database, async (deps) => rollback(args.id ? { id: args.id } : await generationRequest(args.to, await deps.state.read()), deps))
  const backups = await backupsMade(house, result, began)
  return { exit: 0, text: render(result, backups, paint), result: json(result, backups) }
}

/** The backups that were written before tables changed, by plugin. */
async function backupsMade(house: House, { data }: RollbackResult, began: string): Promise<ReadonlyMap<string, string>> {
  if (![...data.values()].some(({ steps }) => steps.some((step) => step.do === 'backup'))) return new Map()
  const { desired } = await house.files.readDesired()
  const listed = await (await house.backups(desired)).list()
  return new Map(listed.filter((ref) => Date.parse(ref.at) >= Date.parse(began)).toReversed().map((ref) => [ref.plugin, ref.name]))
}

function assertOneTarget({ id, to, lift, dryRun }: RollbackArgs): void {
  if (id !== undefined && to !== undefined) throw new CatalystError('USAGE', 'rollback takes an id or --to N, not both')
  if (lift && dryRun) throw new CatalystError('USAGE', 'rollback takes --lift or --dry-run, not both')
  if (lift && id === undefined) throw new CatalystError('USAGE', 'rollback --lift needs the id of a plugin')
}

/** Without a number: the generation that was live before the present one. One in which a plugin was off only while its tables changed is no state to go back to. */
async function generationRequest(to: number | undefined, store: StoreSnapshot): Promise<RollbackRequest> {
  if (to !== undefined) return { to }
  const before = store.activations.toReversed().find((a) => a.generation !== store.generation?.number && a.reason !== OFF_REASON)
  if (!before) throw new CatalystError('GENERATION_UNKNOWN', 'no other generation was ever live in this store')
  return { to: before.generation }
}

function lifted(id: string, count: number): CommandResult {
  return { exit: 0, text: count === 0 ? `There is no hold on ${id}.` : `The hold on ${id} is lifted; the next apply may take it again.`, result: { id, lifted: count } }
}

function previewed({ changes, data }: RollbackPreview, paint: Paint): CommandResult {
  const result = { changes: changes.map(({ id, before, after }) => ({ id, from: before?.block.version ?? null, to: after?.block.version ?? null })), data }
  if (changes.length === 0) return { exit: 0, text: 'Nothing to go back to: everything is so already.', result }
  const touched = new Set(data.map((decision) => decision.id))
  const lines = changes.filter(({ id }) => !touched.has(id)).map((change) => line(change, CODE_ONLY, paint))
  const versions = changes.filter(({ id }) => touched.has(id)).map((change) => versionsLine(change, paint))
  const waits = data.filter(({ approved }) => !approved).length
  return { exit: 0, text: [...lines, ...versions, ...(data.length > 0 ? [renderDataRollback(data, paint)] : []), '', `Nothing was changed.${waits > 0 ? ' What is marked ! needs consent first.' : ''}`].join('\n'), result }
}

function versionsLine({ id, before, after }: RolledBack, paint: Paint): string {
  return `${paint('strong', id)} ${before?.block.version ?? 'not installed'} -> ${after?.block.version ?? 'not installed'}`
}

function render({ generation, activated, changes, data }: RollbackResult, backups: ReadonlyMap<string, string>, paint: Paint): string {
  if (!activated) return `Generation ${generation} is live already; nothing to do.`
  const lines = changes.flatMap((change) => {
    const made = backups.get(change.id)
    return [line(change, dataText(data.get(change.id)), paint), ...(made === undefined ? [] : [`    ${paint('quiet', 'backup'.padEnd(12))} ${safe(made)}: what was there before`])]
  })
  const held = changes.length > 0 ? ['What was left is held: `catalyst plan` shows the lines for git; `catalyst rollback --lift ID` lets it come again.'] : []
  return [...lines, '', `Generation ${generation} is live.`, ...held].join('\n')
}

function line({ id, before, after }: RolledBack, data: string, paint: Paint): string {
  if (!after) return `${paint('bad', '-')} ${paint('strong', id)} ${before?.block.version}  taken out; code and data are kept`
  if (!before) return `${paint('good', '+')} ${paint('strong', id)} ${after.block.version}  back${data === CODE_ONLY ? '' : `; ${safe(data)}`}`
  const versions = before.block.version === after.block.version ? `${after.block.version}  config, grant or switch as before` : `${before.block.version} -> ${after.block.version}  ${safe(data)}`
  return `${paint('change', '~')} ${paint('strong', id)} ${versions}`
}

const CODE_ONLY = 'code only'

/** What a rollback did to a plugin's tables, in one clause. */
function dataText(done: DataRollback | undefined): string {
  const undone = done?.steps.flatMap((step) => (step.do === 'revert' ? [step.migration] : [])) ?? []
  const restored = done?.steps.flatMap((step) => (step.do === 'restore' ? [step.backup] : [])) ?? []
  if (restored.length > 0) return `restored backup ${restored.join(', ')}`
  if (undone.length > 0) return `undid ${undone.join(', ')} by ${undone.length === 1 ? 'its down' : 'their downs'}`
  const returned = done?.steps.flatMap((step) => (step.do === 'return' ? [step.class] : [])) ?? []
  if (returned.length > 0) return `${returned.join(', ')} out of quarantine`
  if (done?.kind === 'forward') return 'ran the migrations that it brings'
  return done?.kind === 'impossible' ? 'code only, as approved: its tables stay as they are' : CODE_ONLY
}

function json({ generation, activated, changes, auditHead, data }: RollbackResult, backups: ReadonlyMap<string, string>): unknown {
  return { generation, activated, auditHead: auditHead ?? null, changes: changes.map(({ id, before, after }) => ({ id, from: before?.block.version ?? null, to: after?.block.version ?? null, data: dataText(data.get(id)), ...(data.has(id) ? { dataKind: data.get(id)?.kind, steps: data.get(id)?.steps ?? [], backup: backups.get(id) ?? null } : {}) })) }
}
