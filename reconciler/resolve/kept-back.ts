import { NO_PERMISSIONS, permissionExcess } from '../../schemas/permissions.ts'
import type { Candidate } from '../ports.ts'
import { excessText, type Bar } from './eligible.ts'
import { ranged } from './phrases.ts'
import type { RangeReading } from './ranges.ts'
import type { Statement } from './statements.ts'
import type { Taken } from './taken.ts'
import type { KeptBack } from './types.ts'
import type { Steps } from './update.ts'
import type { Version, WorldPlugin } from './world-plugin.ts'

/** The newer versions inside the range that were not taken, newest first, each with the reason that a person can act on. */
export function keptBack(taken: Taken, plugin: WorldPlugin, steps: Steps): readonly KeptBack[] {
  const chosen = taken.versions[plugin.number]!
  // a locked version that nobody asked to move stays without a reason
  const free = steps.isFree(plugin) || chosen !== plugin.locked
  const found: KeptBack[] = []
  for (let number = 0; number < chosen; number++) {
    const version = plugin.versions[number]!
    if (!version.inRange && !steps.isLifted(plugin)) continue
    const bar = version.bar ?? steps.tooFar(plugin, version) ?? undecidedBar(version) ?? (free ? neighbourBar(taken, plugin, number) : undefined)
    if (bar) found.push({ version: version.candidate.version, ...bar })
  }
  return found
}

function undecidedBar({ candidate, undecided }: Version): Bar | undefined {
  if (undecided.includes('GRANT_MISSING')) {
    const asks = excessText(permissionExcess(candidate.permissions, NO_PERMISSIONS))
    return { code: 'permissions', detail: `asks for ${asks}, and plugins.yaml does not say yet what it may do` }
  }
  if (undecided.includes('SIGNER_MISSING')) return { code: 'signer', detail: 'comes from a source of which plugins.yaml does not say yet who must have signed it' }
  return undefined
}

/** A version that only the other plugins keep out: the first of them that says so. */
function neighbourBar(taken: Taken, plugin: WorldPlugin, version: number): Bar {
  const detail = ownWord(taken, plugin, version) ?? othersWord(taken, plugin, version)
  return { code: 'dependency', detail: detail ?? 'needs other plugins in versions that do not go together with the rest' }
}

/** What the version itself says of what is taken: its needs first, then its conflicts. */
function ownWord(taken: Taken, plugin: WorldPlugin, version: number): string | undefined {
  for (const statement of taken.world.saidBy(plugin.number, version)) {
    const range = statement.rangeOf(version)
    const word = range && (statement.kind === 'needs' ? unmet(taken, statement, range) : excluded(taken, statement, range))
    if (word !== undefined) return word
  }
  return undefined
}

function unmet(taken: Taken, { id, target }: Statement, range: RangeReading): string | undefined {
  const other = taken.world.plugins[target]
  if (other === undefined || other.versions.length === 0) return `needs ${ranged(id, range.text)}, which no registry has`
  const number = taken.versions[target]!
  if (number >= 0) return taken.fits(other, number, range) ? undefined : `needs ${ranged(id, range.text)}, and ${taken.version(other)?.candidate.version} is taken`
  return other.versions.some((v) => v.undecided.length > 0) ? `needs ${ranged(id, range.text)}, which waits for a decision` : undefined
}

function excluded(taken: Taken, { id, target }: Statement, range: RangeReading): string | undefined {
  const other = taken.world.plugins[target]
  const number = taken.versions[target] ?? -1
  if (other === undefined || number < 0 || !taken.fits(other, number, range, true)) return undefined
  return `conflicts with ${ranged(id, range.text)}, and ${taken.version(other)?.candidate.version} is taken`
}

function othersWord(taken: Taken, plugin: WorldPlugin, version: number): string | undefined {
  for (const other of taken.dependents(plugin)) {
    const { by, range } = wordOf(taken, other, plugin, 'needs')
    if (by && range && !taken.fits(plugin, version, range)) return `is outside ${range.text}, which ${by.id} ${by.version} needs`
  }
  for (const other of taken.opponents(plugin)) {
    const { by, range } = wordOf(taken, other, plugin, 'conflicts')
    if (by && range && taken.fits(plugin, version, range, true)) return `is inside ${range.text}, with which ${by.id} ${by.version} conflicts`
  }
  return undefined
}

/** What the taken version of one plugin says of another one. */
function wordOf(taken: Taken, speaker: WorldPlugin, about: WorldPlugin, kind: Statement['kind']): { readonly by: Candidate | undefined; readonly range: RangeReading | undefined } {
  const statement = taken.said(speaker).find((said) => said.kind === kind && said.target === about.number)
  return { by: taken.version(speaker)?.candidate, range: statement?.rangeOf(taken.versions[speaker.number]!) }
}
