import { nearestPlace, type Path, type SourceDocument } from '../../schemas/document.ts'
import type { Problem } from '../../schemas/errors.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import type { LookAlikes } from './look-alikes.ts'
import { widePermissions } from './wide-permissions.ts'

/** What GitHub says of the repository that an entry names. `missing`: there is none that we can see. `unknown`: it could not be asked. */
export type RepositoryFacts =
  | { readonly kind: 'present'; readonly id: number; readonly ownerId: number; readonly url: string; readonly archived: boolean; readonly workflow: boolean }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly problem: Problem }

/** An entry with everything that its rules look at. */
export interface LintCase {
  readonly entry: RegistryEntry
  readonly document: SourceDocument
  /** By URL of its repositories; a repository that is not among them was not asked about. */
  readonly facts: ReadonlyMap<string, RepositoryFacts>
  /** Ids that stood there before, or all others when nothing is known of before. */
  readonly known: LookAlikes
  /** True when the id is new: what stands merged was looked at by somebody. */
  readonly isNew: boolean
  /** True when the change asks for other permissions than were merged, or the entry is new. */
  readonly asksAnew: boolean
}

/** Everything that a reviewer should hear about an entry, each at its place. Pure. */
export function entryRules(facts: LintCase): readonly Problem[] {
  return [...lookAlikeProblems(facts), ...repositoryProblems(facts), ...permissionProblems(facts)]
}

/** Held for a person, never refused: two good names may look alike. */
function lookAlikeProblems({ entry, document, known, isNew }: LintCase): readonly Problem[] {
  return known.of(entry.id).map(({ id, why }) => ({
    code: 'ENTRY_LOOKALIKE', message: `${entry.id} could be taken for ${id}: ${why}`, ...at(document, ['id']), ...(isNew ? {} : { severity: 'warning' as const }),
  }))
}

function repositoryProblems({ entry, document, facts }: LintCase): readonly Problem[] {
  return entry.repositories.flatMap((repository, n): readonly Problem[] => {
    const found = facts.get(repository.url)
    const here = (key: string): Path => ['repositories', n, key]
    if (!found) return []
    if (found.kind === 'unknown') return [{ ...found.problem, ...at(document, here('url')) }]
    if (found.kind === 'missing') return repository.until === undefined ? [{ code: 'ENTRY_MISMATCH', message: `${repository.url} does not exist, or only its owner can see it`, ...at(document, here('url')) }] : []
    const problems: Problem[] = []
    if (found.id !== repository.id) problems.push({ code: 'ENTRY_MISMATCH', message: `${repository.url} has the number ${found.id}, the entry says ${repository.id}`, hint: `Write id: ${found.id}, if this is the repository that is meant.`, ...at(document, here('id')) })
    if (found.ownerId !== repository.ownerId) problems.push({ code: 'ENTRY_MISMATCH', message: `the owner of ${repository.url} has the number ${found.ownerId}, the entry says ${repository.ownerId}`, hint: `Write ownerId: ${found.ownerId}, if this is the owner that is meant.`, ...at(document, here('ownerId')) })
    if (found.url !== repository.url) problems.push({ code: 'ENTRY_MISMATCH', message: `${repository.url} is called ${found.url} now`, hint: `Write url: ${found.url}`, ...at(document, here('url')), severity: 'warning' })
    if (found.archived) problems.push({ code: 'ENTRY_MISMATCH', message: `${repository.url} is archived: there will be no releases`, ...at(document, here('url')), severity: 'warning' })
    if (!found.workflow) problems.push({ code: 'WORKFLOW_MISSING', message: `${repository.url} has no ${entry.signer.workflow} on its default branch`, ...at(document, ['signer', 'workflow']) })
    return problems
  })
}

/** Held for a person whenever it is asked for, in a new entry or in one that was looked at when it asked for less. */
function permissionProblems({ entry, document, asksAnew }: LintCase): readonly Problem[] {
  return widePermissions(entry).map(({ kind, message }) => ({ code: 'PERMISSIONS_WIDE', message: `${entry.id}: ${message}`, ...at(document, ['permissions', kind]), ...(asksAnew ? {} : { severity: 'warning' as const }) }))
}

function at(document: SourceDocument, path: Path): Pick<Problem, 'place'> {
  const place = nearestPlace(document, path)
  return place ? { place } : {}
}
