import pRetry from 'p-retry'
import { CatalystError, type Problem } from '../../schemas/errors.ts'
import { indexPath } from '../../schemas/names.ts'
import { readIndexLines } from '../../schemas/registry-files.ts'
import type { BotRepository } from '../../registry/git-bot.ts'
import type { AlarmKind, CatalogStore } from '../ports.ts'
import type { NewAlarm } from './alarms.ts'
import { linesFile, mergeLines } from './lines.ts'
import { registryAt, type RegistryAtCommit } from './registry-git.ts'

/** What brought the lines into git. */
export interface Published {
  /** The bot's commit; undefined when every line stood there already. */
  readonly commit: string | undefined
  readonly plugins: readonly string[]
  /** Plugins whose files were left as they are, because they cannot be read or would be unreadable: tried again each time. */
  readonly held: readonly (Problem & { readonly id: string })[]
}

const NOTE = 'lines-published'
/** Ids of the plugins that were held the last time. */
const HELD = 'lines-held'
/** How far the clocks of those who write to the catalog may be apart: what changed so shortly before is compared once more. */
const CLOCK_SLACK_MS = 600_000
/** A race is lost to somebody who pushed: the more often, the more pushes there are. */
const RACES = 10

/**
 * Brings the lines of all plugins whose verdicts changed since the last time into git: one commit on the newest head. When
 * somebody pushes in between, the commit is made anew on theirs. What was not published stays to be; nothing is lost by a
 * crash. One plugin whose file cannot be read or written holds up no other. @throws CatalystError PUSH_REJECTED, SOURCE_UNREACHABLE, INDEX_INVALID
 */
export async function publishLines(store: CatalogStore, repository: BotRepository, at: string, backoffMs = 200): Promise<Published> {
  const held = JSON.parse((await store.note(HELD)) ?? '[]') as string[]
  const changed = [...new Set([...(await store.changedSince((await store.note(NOTE)) ?? '')), ...held])]
  const published = await pRetry(() => attempt(store, repository, changed, at), {
    retries: RACES, minTimeout: backoffMs, maxTimeout: backoffMs * 20, randomize: true,
    shouldRetry: ({ error }) => error instanceof Raced,
  }).catch((error: unknown) => {
    if (error instanceof Raced) throw new CatalystError('PUSH_REJECTED', `others pushed to the registry ${RACES + 1} times while the bot tried to`, { hint: 'The next pass tries again.' })
    throw error
  })
  await store.writeNote(HELD, published.held.length === 0 ? undefined : JSON.stringify(published.held.map(({ id }) => id)))
  await store.writeNote(NOTE, new Date(Date.parse(at) - CLOCK_SLACK_MS).toISOString())
  return published
}

class Raced extends Error {}

async function attempt(store: CatalogStore, repository: BotRepository, changed: readonly string[], at: string): Promise<Published> {
  const registry = await registryAt(repository, await repository.refresh())
  const [files, held] = [new Map<string, Uint8Array>(), [] as (Problem & { id: string })[]]
  for (const id of changed) {
    try {
      const bytes = await fileOf(store, registry, id, at)
      if (bytes) files.set(id, bytes)
    } catch (error) {
      if (!(error instanceof CatalystError) || error.code !== 'INDEX_INVALID') throw error
      held.push({ id, code: error.code, message: `${id}: nothing of it is published: ${error.message}` })
    }
    await tell(store, id, ['index-unreadable'], held.filter((problem) => problem.id === id).map(({ message }) => ({ kind: 'index-unreadable', id, version: undefined, message })), at)
  }
  const plugins = [...files.keys()]
  if (files.size === 0) return { commit: undefined, plugins, held }
  const done = await repository.publish(registry.commit, { files: new Map([...files].map(([id, bytes]) => [`index/${indexPath(id)}`, bytes])), message: messageFor(plugins), at })
  if (done.kind === 'raced') throw new Raced('somebody else pushed')
  return { commit: done.commit, plugins, held }
}

/** The new bytes of an index file; undefined when it is to stay as it is. @throws CatalystError INDEX_INVALID: it or its entry cannot be read, or it could not once it is written */
async function fileOf(store: CatalogStore, registry: RegistryAtCommit, id: string, at: string): Promise<Uint8Array | undefined> {
  const entry = await registry.entry(id)
  if (!entry) return undefined
  const path = `index/${indexPath(id)}`
  const [inGit, others] = [await registry.lines(id), await registry.otherLines(id)]
  const { lines, edited, withheld } = mergeLines(inGit, await store.verdictsOf(id), entry.entry, registry.registry)
  await tell(store, id, ['index-edited', 'line-withheld'], [
    ...edited.map((version) => ({ kind: 'index-edited' as const, id, version, message: `${id} ${version} stands in ${path} otherwise than it was listed; the file was left as it is` })),
    ...withheld.map(({ version, why }) => ({ kind: 'line-withheld' as const, id, version, message: `${id} ${version} is listed and not in ${path}: ${why}` })),
  ], at)
  const bytes = linesFile(lines, others)
  if (Buffer.from(bytes).equals(linesFile(inGit, others))) return undefined
  readIndexLines(bytes, path, id)
  return bytes
}

/** Raises these alarms, and closes those of the kinds that are over. */
async function tell(store: CatalogStore, id: string, kinds: readonly AlarmKind[], alarms: readonly NewAlarm[], at: string): Promise<void> {
  await store.raise(alarms, at)
  await store.settle(id, kinds, alarms, at)
}

function messageFor(plugins: readonly string[]): string {
  const some = plugins.slice(0, 5).join(', ')
  return `Index ${some}${plugins.length > 5 ? ` and ${plugins.length - 5} more` : ''}\n`
}
