import { CatalystError, type Problem } from '../../schemas/errors.ts'
import { writeLock } from '../../schemas/lock-file.ts'
import type { Lock } from '../../schemas/lock.ts'
import { lock, type LockOutcome } from '../../reconciler/lock/lock.ts'
import { proveAgain } from '../../reconciler/lock/prove-again.ts'
import { staleness } from '../../reconciler/plan/stale.ts'
import type { ConfigChecks } from '../../reconciler/plan/config.ts'
import type { DesiredState } from '../../reconciler/plan/desired.ts'
import type { ResolveMode } from '../../reconciler/resolve/types.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { configChecks, invalidConfigs, uncheckedConfigs, type Said } from '../config-checks.ts'
import { mergedLock } from '../merge-lock.ts'
import { movePins, unpinned } from '../pins.ts'
import { lockJson, renderLock } from '../render/lock.ts'
import { plugins } from '../render/words.ts'

/** `catalyst lock [--check [--prove] | --merge]`: writes plugins.lock.yaml so that it answers plugins.yaml. */
export const lockCommand: Command<{ readonly check?: boolean; readonly prove?: boolean; readonly merge?: boolean }> = async (context, { check, prove, merge }) => {
  if (check) return checkLock(context, prove ?? false)
  const locked = merge ? await mergedLock(context.house.files) : await context.house.files.readLock()
  return relock(context, { kind: 'lock' }, locked)
}

/** `catalyst update [ID…] [--latest]`: lets the named plugins (or all) move as far as `policy.upgrades` allows. */
export const updateCommand: Command<{ readonly ids: readonly string[]; readonly latest?: boolean }> = async (context, { ids, latest = false }) => {
  const { desired } = await context.house.files.readDesired()
  const unknown = ids.find((id) => !desired.plugins.some((p) => p.id === id))
  if (unknown !== undefined) throw new CatalystError('UNKNOWN_PLUGIN', `plugins.yaml has no plugin ${unknown}`, { hint: `It has: ${desired.plugins.map((p) => p.id).join(', ')}.` })
  const mode: ResolveMode = { kind: 'update', ids: ids.length === 0 ? 'all' : ids, latest }
  return relock(context, mode, await context.house.files.readLock())
}

/** Resolves, proves and writes the lock; the answer says what moved, what was kept back and what waits. */
export async function relock(context: CommandContext, mode: ResolveMode, locked: Lock | undefined): Promise<CommandResult> {
  const { files } = context.house
  const { desired, placeOf, warnings, text } = await files.readDesired()
  const resolved = await resolveAndProve(context, unpinned(desired, mode), mode, locked)
  const moved = mode.kind === 'update' ? movePins(text, desired, resolved, files.shown(files.pluginsPath)) : { text, outcome: resolved }
  await files.writePlugins(moved.text)
  const written = await files.writeLock(moved.outcome.lock)
  const configs = await lockedConfigs(context, { desired, lock: moved.outcome.lock, placeOf }, moved.outcome)
  return lockResult(moved.outcome, written, [...warnings, ...invalidConfigs(configs), ...uncheckedConfigs(configs)], context)
}

/** Configs as the packages want them that are locked now. Packages that nobody has in hand are read again, and fetched where they must be. */
export async function lockedConfigs({ house }: CommandContext, said: Said, { manifests }: LockOutcome): Promise<ConfigChecks> {
  const known = new Map([...manifests].map(([id, manifest]) => [id, manifest.config]))
  return configChecks(house, said, await house.installs(said.desired), { offline: false, known })
}

/** One run of the lock stage with the real world behind it; writes nothing. */
export function resolveAndProve({ house }: CommandContext, desired: DesiredState, mode: ResolveMode, locked: Lock | undefined): Promise<LockOutcome> {
  return house.withLockDeps(desired, async (deps) => lock({ desired, locked, mode, holds: await house.holds(desired), now: house.now() }, deps))
}

/** The answer of every command that writes the lock. */
export function lockResult(outcome: LockOutcome, written: boolean, warnings: readonly Problem[], { house, paint }: CommandContext): CommandResult {
  return {
    exit: outcome.waiting.length > 0 ? 3 : 0,
    text: renderLock(outcome, { written, path: house.files.shown(house.files.lockPath) }, paint),
    result: lockJson(outcome, written),
    problems: [...warnings, ...outcome.problems],
  }
}

/**
 * `lock --check`: is the committed lock what plugins.yaml asks for? Reads only, needs no network. With `--prove` every
 * release is fetched and proven again, and each block must be what `lock` would write: the digests in a lock catch
 * accidents, this catches who edits them along.
 */
async function checkLock({ house, paint }: CommandContext, prove: boolean): Promise<CommandResult> {
  const { desired, placeOf } = await house.files.readDesired()
  const locked = await house.files.readLock()
  const shown = house.files.shown(house.files.lockPath)
  if (!locked) throw new CatalystError('LOCK_MISSING', `there is no ${shown}`)
  const problems: Problem[] = [...staleness(desired, locked)]
  if ((await house.files.lockText()) !== writeLock(locked)) problems.push({ code: 'LOCK_STALE', message: `${shown} is not written as our tools write it`, place: { file: shown } })
  if (prove && problems.length === 0) problems.push(...(await house.withLockDeps(desired, (deps) => proveAgain(locked, desired, deps))))
  const configs = await configChecks(house, { desired, lock: locked, placeOf }, [], { offline: true })
  problems.push(...invalidConfigs(configs), ...uncheckedConfigs(configs))
  const sound = problems.every((p) => p.severity === 'warning')
  const proven = prove ? ', each release proven again' : ''
  const text = sound ? `${paint('good', '✓')} ${shown} answers plugins.yaml: ${plugins(Object.keys(locked.plugins).length)}${proven}.` : ''
  return { exit: 0, text, result: { upToDate: sound, proven: prove && sound }, problems }
}
