import { NO_PERMISSIONS, permissionExcess } from '../../schemas/permissions.ts'
import { byId, excessText, type Bar } from './eligible.ts'
import { ranged } from './phrases.ts'
import type { Taken } from './taken.ts'
import type { KeptBack } from './types.ts'
import type { Steps } from './update.ts'
import type { Version, WorldPlugin } from './world.ts'

/** The newer versions inside the range that were not taken, newest first, each with the reason that a person can act on. */
export function keptBack(taken: Taken, plugin: WorldPlugin, steps: Steps): readonly KeptBack[] {
  const chosen = taken.versions[plugin.number]!
  // a locked version that nobody asked to move stays without a reason
  const free = steps.isFree(plugin) || chosen !== plugin.locked
  const found: KeptBack[] = []
  for (const version of plugin.versions.slice(0, chosen)) {
    if (!version.inRange && !steps.isLifted(plugin)) continue
    const bar = version.bar ?? steps.tooFar(plugin, version) ?? undecidedBar(version) ?? (free ? neighbourBar(taken, plugin, version) : undefined)
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
function neighbourBar(taken: Taken, plugin: WorldPlugin, version: Version): Bar {
  const detail = ownNeed(taken, version) ?? ownConflict(taken, version) ?? othersSay(taken, plugin, version)
  return { code: 'dependency', detail: detail ?? 'needs other plugins in versions that do not go together with the rest' }
}

function ownNeed(taken: Taken, { candidate }: Version): string | undefined {
  for (const [id, range] of byId(candidate.dependencies)) {
    const target = taken.world.plugin(id)
    const other = target && taken.version(target)
    const needs = `needs ${ranged(id, range)}`
    if (target === undefined || target.versions.length === 0) return `${needs}, which no registry has`
    if (other && !taken.fits(target, other, range)) return `${needs}, and ${other.candidate.version} is taken`
    if (other === undefined && target.versions.some((v) => v.undecided.length > 0)) return `${needs}, which waits for a decision`
  }
  return undefined
}

function ownConflict(taken: Taken, { candidate }: Version): string | undefined {
  for (const [id, range] of byId(candidate.conflicts)) {
    const target = taken.world.plugin(id)
    const other = target && taken.version(target)
    if (target && other && taken.fits(target, other, range, true)) return `conflicts with ${ranged(id, range)}, and ${other.candidate.version} is taken`
  }
  return undefined
}

function othersSay(taken: Taken, plugin: WorldPlugin, version: Version): string | undefined {
  for (const other of taken.dependents(plugin.id)) {
    const by = taken.version(other)?.candidate
    const range = by?.dependencies[plugin.id]
    if (by && range !== undefined && !taken.fits(plugin, version, range)) return `is outside ${range}, which ${by.id} ${by.version} needs`
  }
  for (const other of taken.opponents(plugin.id)) {
    const by = taken.version(other)?.candidate
    const range = by?.conflicts[plugin.id]
    if (by && range !== undefined && taken.fits(plugin, version, range, true)) return `is inside ${range}, with which ${by.id} ${by.version} conflicts`
  }
  return undefined
}
