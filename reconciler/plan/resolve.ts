import { byCodeUnit } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { compareVersions, isPrerelease, satisfies } from '../../schemas/versions.ts'
import type { Candidate } from '../ports.ts'
import type { ResolveInput, Resolved, Selection } from './resolve-types.ts'

export type { KeptBack, ResolveInput, ResolveMode, Resolved, Selection, Waiting } from './resolve-types.ts'

/**
 * Chooses one version of every wanted plugin and of what they need. Pure.
 * @throws CatalystError UNKNOWN_PLUGIN, NO_VERSION, CONFLICT
 */
export function resolve(input: ResolveInput): Resolved {
  const chosen = new Map<string, Candidate>()
  const wanted = new Map<string, Set<string>>()
  const queue = input.desired.plugins.map((plugin) => ({ id: plugin.id, range: plugin.range, by: undefined as string | undefined }))
  for (let next = queue.shift(); next; next = queue.shift()) {
    const by = wanted.get(next.id) ?? new Set<string>()
    wanted.set(next.id, by)
    if (next.by !== undefined) by.add(next.by)
    const have = chosen.get(next.id)
    if (have) {
      if (!satisfies(have.version, next.range)) throw new CatalystError('CONFLICT', `${next.id} ${have.version} is taken, but ${next.range} is needed`)
      continue
    }
    const candidate = newest(input, next.id, next.range)
    chosen.set(next.id, candidate)
    for (const [id, range] of Object.entries(candidate.dependencies)) queue.push({ id, range, by: next.id })
  }
  const selections: Selection[] = [...chosen.values()].sort((a, b) => byCodeUnit(a.id, b.id)).map((candidate) => ({
    id: candidate.id,
    candidate,
    requested: input.desired.plugins.find((plugin) => plugin.id === candidate.id)?.range,
    locked: false,
    keptBack: [],
    wantedBy: [...(wanted.get(candidate.id) ?? [])].sort(byCodeUnit),
  }))
  return { selections, waiting: [], notices: [] }
}

function newest(input: ResolveInput, id: string, range: string): Candidate {
  const all = input.candidates.get(id) ?? []
  if (all.length === 0) throw new CatalystError('UNKNOWN_PLUGIN', `no registry has ${id}`)
  const fitting = all.filter((c) => satisfies(c.version, range) && (!isPrerelease(c.version) || c.version === range))
  const best = [...fitting].sort((a, b) => compareVersions(b.version, a.version))[0]
  if (!best) throw new CatalystError('NO_VERSION', `no version of ${id} satisfies ${range}`)
  return best
}
