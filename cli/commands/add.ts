import { CatalystError, type Problem } from '../../schemas/errors.ts'
import { idProblem } from '../../schemas/names.ts'
import { minimalPermissions, type Permissions } from '../../schemas/permissions.ts'
import { editPluginSet } from '../../schemas/plugin-set-edit.ts'
import type { PluginEntry } from '../../schemas/plugin-set.ts'
import { readPluginSet } from '../../schemas/plugin-set-file.ts'
import { desiredState, type PlaceOf } from '../../reconciler/plan/desired.ts'
import type { LockOutcome } from '../../reconciler/lock/lock.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { invalidConfigs } from '../config-checks.ts'
import { waitingLines } from '../render/lock.ts'
import { permissionLines } from '../render/permissions.ts'
import { signerShown } from '../render/words.ts'
import { safe } from '../terminal.ts'
import { lockedConfigs, lockResult, resolveAndProve } from './lock.ts'

export interface AddArgs {
  readonly id: string
  readonly version?: string
  readonly registry?: string
  readonly source?: string
  /** Grants what the plugin asks for without a question. */
  readonly yes?: boolean
}

/**
 * `catalyst add ID`: finds the newest fitting version, proves it, shows what it asks for, and after consent writes
 * the entry with its permissions and the lock. Without consent nothing is written (exit 3).
 */
export const addCommand: Command<AddArgs> = async (context, args) => {
  const { files } = context.house
  const { desired, text } = await files.readDesired()
  const locked = await files.readLock()
  assertAddable(args.id, desired.plugins.map((p) => p.id))
  const entry: PluginEntry = { ...(args.version ? { version: args.version } : {}), ...(args.registry ? { registry: args.registry } : {}), ...(args.source ? { source: args.source } : {}) }
  const first = await attempt(context, args.id, withEntry(text, args.id, entry, context), locked)
  const asked = askedBy(first, args.id)
  const version = asked?.version ?? first.lock.plugins[args.id]?.version
  const granted: PluginEntry = { ...entry, version: args.version ?? (version ? `^${version}` : '*'), ...(asked ? { permissions: minimalPermissions(asked.permissions) } : {}) }
  if (asked && !(await consent(context, args, asked))) return refused(args, asked, context)
  const edited = withEntry(text, args.id, granted, context)
  const outcome = await attempt(context, args.id, edited, locked)
  return write(context, edited, outcome)
}

function assertAddable(id: string, present: readonly string[]): void {
  const problem = idProblem(id)
  if (problem) throw new CatalystError(problem, `${JSON.stringify(id)} is not a plugin id`)
  if (present.includes(id)) throw new CatalystError('CONTRADICTION', `${id} is in plugins.yaml already`, { hint: `Change its entry, or run \`catalyst update ${id}\`.` })
}

function withEntry(text: string, id: string, entry: PluginEntry, { house }: CommandContext): string {
  return withoutPlaces(() => editPluginSet(text, house.files.shown(house.files.pluginsPath)).addPlugin(id, entry).toString())
}

function attempt(context: CommandContext, id: string, text: string, locked: Parameters<typeof resolveAndProve>[3]): Promise<LockOutcome> {
  const { set, placeOf } = readPluginSet(Buffer.from(text), context.house.files.shown(context.house.files.pluginsPath))
  // The new entry stands in no file yet: a line number would lead nowhere.
  const placeInFile: PlaceOf = (path) => (path[0] === 'plugins' && path[1] === id ? undefined : placeOf(path))
  return resolveAndProve(context, desiredState(set, placeInFile), { kind: 'lock' }, locked)
}

/** The file was read without a problem before: what is wrong is the new entry, which stands at none of its lines yet. */
function withoutPlaces<T>(edit: () => T): T {
  try {
    return edit()
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    throw new CatalystError(error.code, error.message, { cause: error, hint: error.hint, problems: error.problems.map(({ place: _nowhere, ...problem }) => problem) })
  }
}

/** A version that cannot come before somebody agrees to what it asks for. */
interface Asked {
  readonly version: string
  readonly permissions: Permissions
  readonly from: string
}

function askedBy({ waiting }: LockOutcome, id: string): Asked | undefined {
  const found = waiting.find((w) => w.id === id && w.code === 'GRANT_MISSING')?.candidate
  return found && { version: found.version, permissions: found.permissions, from: found.repository.url }
}

/** Who asks, and for what: the line above the permissions. */
function question(id: string, { version, from }: Asked): string {
  return `${id} ${version} of ${signerShown(from)} asks for:`
}

async function consent(context: CommandContext, args: AddArgs, asked: Asked): Promise<boolean> {
  if (args.yes) return true
  if (context.json || !context.terminal.interactive || !process.stdin.isTTY) return false
  context.terminal.err([question(args.id, asked), ...permissionLines(asked.permissions), ''].join('\n'))
  return context.house.confirm('Grant this?')
}

function refused(args: AddArgs, asked: Asked, context: CommandContext): CommandResult {
  const { id } = args
  const text = [`${context.paint('bad', '!')} ${question(id, asked)}`, ...permissionLines(asked.permissions), '', `Nothing was written. To grant this: ${sameAgain(args)} --yes`].join('\n')
  const problem: Problem = { code: 'GRANT_MISSING', message: `${id} ${asked.version} asks for permissions that nobody has granted yet`, hint: `To grant this: ${sameAgain(args)} --yes` }
  return { exit: 3, text, result: { id, version: asked.version, asks: asked.permissions, written: false }, problems: context.json ? [problem] : [] }
}

/** The command as it was typed, to type again. */
function sameAgain({ id, version, registry, source }: AddArgs): string {
  const option = (name: string, value: string | undefined): string => (value === undefined ? '' : ` --${name} '${safe(value)}'`)
  return `catalyst add ${id}${option('version', version)}${option('registry', registry)}${option('source', source)}`
}

async function write(context: CommandContext, text: string, outcome: LockOutcome): Promise<CommandResult> {
  if (outcome.waiting.length === 0 && outcome.problems.every((p) => p.severity === 'warning' || p.code === 'REGISTRY_SHADOWED')) {
    await context.house.files.writePlugins(text)
    const written = await context.house.files.writeLock(outcome.lock)
    return lockResult(outcome, written, await unconfigured(context, outcome), context)
  }
  const next = outcome.waiting.length > 0 ? ' Write what is shown and the new entry into plugins.yaml, then run `catalyst lock`.' : ''
  return { ...lockResult(outcome, false, [], context), text: [...waitingLines(outcome.waiting, context.paint), `Nothing was written.${next}`].join('\n') }
}

/** A new plugin has no config yet: what it still needs is told where it belongs, and nothing applies it before. */
async function unconfigured(context: CommandContext, outcome: LockOutcome): Promise<readonly Problem[]> {
  const { desired, placeOf } = await context.house.files.readDesired()
  const problems = invalidConfigs(await lockedConfigs(context, { desired, lock: outcome.lock, placeOf }, outcome))
  return problems.map((problem) => ({ ...problem, severity: 'warning', hint: `${problem.hint ?? 'Write it under `config:` of the plugin in plugins.yaml.'} Until then \`apply\` leaves the plugin out.` }))
}
