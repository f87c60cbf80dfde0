import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { byCodeUnit, canonicalJson } from '../../schemas/digest.ts'
import { CatalystError, type Problem, problemsOfError } from '../../schemas/errors.ts'
import { idProblem } from '../../schemas/names.ts'
import { normalizePermissions } from '../../schemas/permissions.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import { readEntry, readRegistryFile } from '../../schemas/registry-files.ts'
import { parseYaml } from '../../schemas/yaml.ts'
import { systemCode } from '../../registry/disk-errors.ts'
import { bytesOf } from '../write-file.ts'
import { lookAlikes } from './look-alikes.ts'
import { entryRules, type RepositoryFacts } from './rules.ts'

/** What lint asks of the outside. Absent: nothing is asked. */
export interface LintDeps {
  /** What GitHub says of a repository, by its URL. */
  readonly factsOf?: ((url: string, workflow: string) => Promise<RepositoryFacts>) | undefined
  /** Entry files as they were before the change, by path; absent when there is no before: then all are looked at, and look-alikes are warnings. */
  readonly base?: ReadonlyMap<string, Uint8Array> | undefined
}

/** What lint found. */
export interface LintReport {
  readonly entries: number
  /** Entries that are new or changed, by id. */
  readonly changed: readonly string[]
  readonly problems: readonly Problem[]
}

const AT_ONCE = 8

/**
 * Looks through the entries of a registry's folder: all that is wrong, at once, each with its place. Files are read one by
 * one, so that a broken one hides nothing of the others. @throws CatalystError FILE_NOT_FOUND when the folder is no registry
 */
export async function lintRegistry(folder: string, deps: LintDeps): Promise<LintReport> {
  const problems: Problem[] = [...(await registryProblems(folder))]
  const entries = await readEntries(folder, problems)
  const changed = entries.filter(({ path, bytes }) => !deps.base?.get(path) || !Buffer.from(deps.base.get(path) ?? []).equals(bytes))
  const known = lookAlikes(deps.base ? [...deps.base.keys()].map(idOf) : entries.map(({ entry }) => entry.id))
  const limit = pLimit(AT_ONCE)
  const found = await Promise.all(changed.map(({ entry, path, bytes }) => limit(async () => {
    const facts = new Map<string, RepositoryFacts>()
    if (deps.factsOf) for (const { url } of entry.repositories) facts.set(url, await deps.factsOf(url, entry.signer.workflow))
    return entryRules({ entry, document: parseYaml(bytes, path), facts, known, isNew: deps.base !== undefined && !deps.base.has(path), asksAnew: asksAnew(entry, path, deps.base) })
  })))
  return { entries: entries.length, changed: changed.map(({ entry }) => entry.id), problems: [...problems, ...found.flat()] }
}

/** One that could not be read before was looked at by nobody. */
function asksAnew(entry: RegistryEntry, path: string, base: LintDeps['base']): boolean {
  if (!base) return false
  const permissions = (of: RegistryEntry | undefined): string => canonicalJson(normalizePermissions(of?.permissions))
  const bytes = base.get(path)
  const before = bytes && collect([], () => readEntry(bytes, path))
  return before === undefined || permissions(before) !== permissions(entry)
}

interface ReadEntry {
  readonly path: string
  readonly bytes: Uint8Array
  readonly entry: RegistryEntry
}

async function readEntries(folder: string, problems: Problem[]): Promise<readonly ReadEntry[]> {
  const entries: ReadEntry[] = []
  for (const name of await names(folder)) {
    const path = `entries/${name}`
    const id = idOf(path)
    const code = name.endsWith('.yaml') ? idProblem(id) : 'INVALID_ID'
    if (code) {
      problems.push({ code, message: `${path} is not named for a plugin: an entry is entries/<id>.yaml`, place: { file: path } })
      continue
    }
    const bytes = (await bytesOf(join(folder, path))) ?? new Uint8Array()
    const entry = collect(problems, () => readEntry(bytes, path, id))
    if (entry) entries.push({ path, bytes, entry })
  }
  return entries
}

async function names(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(join(folder, 'entries'))).filter((name) => !name.startsWith('.')).sort(byCodeUnit)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') throw new CatalystError('FILE_NOT_FOUND', `${folder} is no registry: it has no folder entries/`, { hint: 'Name the checkout of a registry’s repository.' })
    throw error
  }
}

async function registryProblems(folder: string): Promise<readonly Problem[]> {
  const bytes = await bytesOf(join(folder, 'registry.yaml'))
  const problems: Problem[] = []
  if (!bytes) return [{ code: 'FILE_NOT_FOUND', message: 'there is no registry.yaml', place: { file: 'registry.yaml' }, hint: 'Write one: apiVersion: catalyst.dev/v1, kind: Registry, name.' }]
  collect(problems, () => readRegistryFile(bytes, 'registry.yaml'))
  return problems
}

function collect<T>(problems: Problem[], read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    problems.push(...problemsOfError(error))
    return undefined
  }
}

function idOf(path: string): string {
  return path.slice('entries/'.length).replace(/\.yaml$/, '')
}
