import type { Problem } from '../../schemas/errors.ts'
import { ID_MAX_LENGTH, idProblem } from '../../schemas/names.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import { writeYaml } from '../../schemas/plain-yaml.ts'
import type { NamedRepository } from '../../registry/github-facts.ts'
import { lookAlikes } from '../lint/look-alikes.ts'
import type { CatalogStore, Proposal } from '../ports.ts'

/** What authors put on their repositories to be found. */
export const TOPIC = 'catalyst-plugin'

/** How repositories with the topic are asked for; `etag` of the answer before. */
export type FindByTopic = (etag: string | undefined) => Promise<{ readonly unchanged: boolean; readonly etag: string | undefined; readonly found: readonly NamedRepository[] }>

const NOTE = 'topic-etag'

/**
 * Proposes an entry for each repository with the topic that has none. A proposal is a text for a maintainer to read, correct
 * and commit: nothing is listed by it. Returns how many are new or changed to us.
 */
export async function discover(store: CatalogStore, find: FindByTopic, ids: readonly string[], at: string): Promise<number> {
  const answer = await find(await store.note(NOTE))
  if (answer.unchanged) return 0
  const fresh: NamedRepository[] = []
  for (const repository of answer.found) if ((await store.pluginsOf(repository.id)).length === 0) fresh.push(repository)
  const known = lookAlikes(ids)
  await store.saveProposals(fresh.map((repository) => proposalFor(repository, known, new Set(ids), at)))
  await store.writeNote(NOTE, answer.etag)
  return fresh.length
}

/** The entry that a maintainer could begin with: the narrowest there is. Pure. */
export function proposalFor(repository: NamedRepository, known: ReturnType<typeof lookAlikes>, ids: ReadonlySet<string>, at: string): Proposal {
  const suggestedId = suggestedIdFor(repository.url)
  const { url, id, ownerId } = repository
  const entry: RegistryEntry = { v: 1, id: suggestedId, repositories: [{ url, id, ownerId }], signer: { workflow: '.github/workflows/release.yml' }, tier: 'community', publisher: new URL(url).pathname.split('/')[1] ?? '' }
  const code = idProblem(suggestedId)
  const problems: Problem[] = [
    ...(code ? [{ code, message: `${suggestedId} cannot be an id; choose one` }] : []),
    ...(ids.has(suggestedId) ? [{ code: 'CONTRADICTION' as const, message: `${suggestedId} has an entry already, for another repository` }] : []),
    ...known.of(suggestedId).map((other) => ({ code: 'ENTRY_LOOKALIKE' as const, message: `${suggestedId} could be taken for ${other.id}: ${other.why}` })),
  ]
  return { repository: { url, id, ownerId }, suggestedId, description: repository.description, entry: writeYaml(entry), problems, foundAt: at }
}

/** `acme/catalyst-plugin-SMS_gateway` -> `sms-gateway`. Pure. */
export function suggestedIdFor(url: string): string {
  const name = url.slice(url.lastIndexOf('/') + 1).toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  const words = name.split('-').filter((word) => word !== '' && word !== 'catalyst' && word !== 'plugin')
  return words.join('-').slice(0, ID_MAX_LENGTH).replaceAll(/^[0-9-]+|-+$/g, '') || 'plugin'
}
