import pRetry from 'p-retry'
import { CatalystError } from '../../schemas/errors.ts'
import { indexPath } from '../../schemas/names.ts'
import type { BotRepository } from '../../registry/git-bot.ts'
import type { CatalogStore } from '../ports.ts'
import { linesFile, mergeLines } from './lines.ts'
import { registryAt, type RegistryAtCommit } from './registry-git.ts'

/** What brought the lines into git. */
export interface Published {
  /** The bot's commit; undefined when every line stood there already. */
  readonly commit: string | undefined
  readonly plugins: readonly string[]
}

const NOTE = 'lines-published'
/** How far the clocks of those who write to the catalog may be apart: what changed so shortly before is compared once more. */
const CLOCK_SLACK_MS = 600_000
/** A race is lost to somebody who pushed: the more often, the more pushes there are. */
const RACES = 10

/**
 * Brings the lines of all plugins whose verdicts changed since the last time into git: one commit on the newest head. When
 * somebody pushes in between, the commit is made anew on theirs. What was not published stays to be; nothing is lost by a
 * crash. @throws CatalystError PUSH_REJECTED, SOURCE_UNREACHABLE, INDEX_INVALID
 */
export async function publishLines(store: CatalogStore, repository: BotRepository, at: string, backoffMs = 200): Promise<Published> {
  const changed = await store.changedSince((await store.note(NOTE)) ?? '')
  const published = await pRetry(() => attempt(store, repository, changed, at), {
    retries: RACES, minTimeout: backoffMs, maxTimeout: backoffMs * 20, randomize: true,
    shouldRetry: ({ error }) => error instanceof Raced,
  }).catch((error: unknown) => {
    if (error instanceof Raced) throw new CatalystError('PUSH_REJECTED', `others pushed to the registry ${RACES + 1} times while the bot tried to`, { hint: 'The next pass tries again.' })
    throw error
  })
  await store.writeNote(NOTE, new Date(Date.parse(at) - CLOCK_SLACK_MS).toISOString())
  return published
}

class Raced extends Error {}

async function attempt(store: CatalogStore, repository: BotRepository, changed: readonly string[], at: string): Promise<Published> {
  const registry = await registryAt(repository, await repository.refresh())
  const [files, plugins] = [new Map<string, Uint8Array>(), [] as string[]]
  for (const id of changed) {
    const bytes = await fileOf(store, registry, id, at)
    if (!bytes) continue
    files.set(`index/${indexPath(id)}`, bytes)
    plugins.push(id)
  }
  if (files.size === 0) return { commit: undefined, plugins }
  const done = await repository.publish(registry.commit, { files, message: messageFor(plugins), at })
  if (done.kind === 'raced') throw new Raced('somebody else pushed')
  return { commit: done.commit, plugins }
}

/** The new bytes of an index file; undefined when it is to stay as it is. */
async function fileOf(store: CatalogStore, registry: RegistryAtCommit, id: string, at: string): Promise<Uint8Array | undefined> {
  const entry = await registry.entry(id).catch(() => undefined)
  if (!entry) return undefined
  const inGit = await registry.lines(id)
  const { lines, edited } = mergeLines(inGit, await store.verdictsOf(id), entry.entry, registry.registry)
  const alarms = edited.map((version) => ({ kind: 'index-edited' as const, id, version, message: `${id} ${version} stands in index/${indexPath(id)} otherwise than it was listed; the file was left as it is` }))
  await store.raise(alarms, at)
  await store.settle(id, ['index-edited'], alarms, at)
  const bytes = linesFile(lines)
  return Buffer.from(bytes).equals(linesFile(inGit)) ? undefined : bytes
}

function messageFor(plugins: readonly string[]): string {
  const some = plugins.slice(0, 5).join(', ')
  return `Index ${some}${plugins.length > 5 ? ` and ${plugins.length - 5} more` : ''}\n`
}
