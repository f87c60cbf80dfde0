import type { Proof } from '../../reconciler/ports.ts'
import type { Path } from '../../schemas/document.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { normalizePermissions, permissionExcess, type Permissions, type PermissionsInput } from '../../schemas/permissions.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import { setInYaml } from '../../schemas/yaml-edit.ts'
import type { Difference } from '../ports.ts'

/** An entry as its reviewers wrote it. */
export interface EntryText {
  readonly entry: RegistryEntry
  readonly text: string
}

/**
 * The change to an entry that would allow a release, as lines of a diff: what goes with `-`, what comes with `+`, each
 * behind the place that it is about. Comments and style of the file stay. Undefined where no change could (a tag that is
 * not the version's). Pure.
 */
export function proposal({ entry, text }: EntryText, proof: Proof, line: IndexLine, found: readonly Difference[]): string | undefined {
  const edits = editsFor(entry, proof, line, found)
  if (edits.length === 0) return undefined
  const hunks: string[] = []
  let now = text
  for (const [path, value] of edits) {
    const next = setInYaml(now, path, value)
    hunks.push(...changedLines(now, next, `entries/${entry.id}.yaml`))
    now = next
  }
  return hunks.join('\n')
}

type Edit = readonly [path: Path, value: unknown]

function editsFor(entry: RegistryEntry, proof: Proof, line: IndexLine, found: readonly Difference[]): readonly Edit[] {
  const kinds = new Set(found.map(({ kind }) => kind))
  const edits: Edit[] = []
  if (kinds.has('repository') || kinds.has('owner')) edits.push([['repositories', entry.repositories.length], proof.repository])
  if (proof.signer.workflow !== entry.signer.workflow) edits.push([['signer', 'workflow'], proof.signer.workflow])
  if (proof.signer.reusable && kinds.has('workflow')) edits.push([['signer', 'reusable'], proof.signer.reusable])
  if (kinds.has('tag') && proof.signer.ref !== `refs/tags/${line.tag}`) edits.push([['signer', 'refs'], [...(entry.signer.refs ?? []), proof.signer.ref]])
  return [...edits, ...permissionEdits(entry, line)]
}

/** One edit per kind, so that a permission that is new costs one line; what the reviewers wrote stays as they wrote it. */
function permissionEdits({ permissions }: RegistryEntry, line: IndexLine): readonly Edit[] {
  const asked = normalizePermissions(line.permissions)
  const excess = permissionExcess(asked, normalizePermissions(permissions))
  const more = (kind: string): readonly string[] => excess.filter((e) => e.kind === kind).map(({ what }) => what)
  const wider: PermissionsInput = {}
  if (more('database').length > 0) wider.database = tables(permissions?.database, more('database'), asked.database)
  if (more('api').length > 0) wider.api = [...(permissions?.api ?? []), ...more('api')]
  if (more('filesystem').length > 0) wider.filesystem = { ...permissions?.filesystem, ...named(more('filesystem'), asked.filesystem) }
  if (more('hooks').length > 0) wider.hooks = [...(permissions?.hooks ?? []), ...more('hooks')]
  if (more('admin').length > 0) wider.admin = true
  if (excess.length === 0) return []
  return permissions === undefined ? [[['permissions'], wider]] : Object.entries(wider).map(([kind, value]) => [['permissions', kind], value])
}

/** A list of tables means read: it stays one while nothing is to be written. */
function tables(allowed: PermissionsInput['database'], more: readonly string[], asked: Permissions['database']): NonNullable<PermissionsInput['database']> {
  const wanted = named(more, asked)
  if (!Array.isArray(allowed)) return { ...allowed, ...wanted }
  if (Object.values(wanted).every((access) => access === 'read')) return [...allowed, ...Object.keys(wanted)]
  return { ...normalizePermissions({ database: allowed }).database, ...wanted }
}

/** The wanted ones of what is asked; each excess is told as `name: access`. */
function named<A>(excess: readonly string[], asked: Readonly<Record<string, A>>): Record<string, A> {
  return Object.fromEntries(Object.entries(asked).filter(([name, access]) => excess.includes(`${name}: ${String(access)}`)))
}

/** The lines by which two texts differ; what they have in common before and behind is left out. */
function changedLines(before: string, after: string, file: string): readonly string[] {
  const [old, fresh] = [before.split('\n'), after.split('\n')]
  let start = 0
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1
  let end = 0
  while (end < old.length - start && end < fresh.length - start && old[old.length - 1 - end] === fresh[fresh.length - 1 - end]) end += 1
  const lines = (text: readonly string[], mark: string): readonly string[] => text.slice(start, text.length - end).map((line) => `${mark} ${line}`)
  return [`${file}:${start + 1}`, ...lines(old, '-'), ...lines(fresh, '+')]
}
