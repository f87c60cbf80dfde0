import { byCodeUnit } from '../../schemas/digest.ts'
import type { Notice } from '../../schemas/plan.ts'
import { printable } from '../../schemas/printable.ts'
import { holdOn } from './eligible.ts'
import type { Taken } from './taken.ts'
import type { World } from './world.ts'
import type { Version, WorldPlugin } from './world-plugin.ts'

/** What a reader should know of the versions that were taken or stayed. Sorted by id, then code. */
export function notices(taken: Taken): readonly Notice[] {
  return taken.world.plugins
    .flatMap((plugin) => {
      const version = taken.version(plugin)
      return version ? noticesOf(taken.world, plugin, version) : []
    })
    .sort((a, b) => byCodeUnit(a.id, b.id) || byCodeUnit(a.code, b.code) || byCodeUnit(a.message, b.message))
}

function noticesOf(world: World, plugin: WorldPlugin, version: Version): readonly Notice[] {
  const { id } = plugin
  const { candidate } = version
  const name = `${id} ${candidate.version}`
  const found: Notice[] = []
  if (candidate.yanked) {
    found.push({ id, code: 'YANKED', message: `${name} stays locked, but is yanked: ${printable(candidate.yanked.reason, { max: 200 })}`, hint: `Run \`catalyst update ${id}\`.` })
  }
  for (const { id: advisory, level, title, fixedIn } of candidate.advisories) {
    const about = [title, advisory && `(${advisory})`].filter(Boolean).join(' ') || 'no title'
    const hint = fixedIn ? `Fixed in ${fixedIn}: run \`catalyst update ${id}\`.` : `No version is named as the cure; look at it, or remove ${id}.`
    found.push({ id, code: 'ADVISORY', message: `${name} has an advisory, level ${level}: ${printable(about, { max: 300 })}`, hint: printable(hint) })
  }
  const hold = holdOn(world.input.holds, id, candidate.version)
  if (hold) {
    found.push({ id, code: 'HELD', message: `${name} stays in the lock, but was rolled back at ${hold.since} and is held`, hint: `To let the lock move on, write into plugins.yaml:\nplugins:\n  ${id}:\n    reject: [${candidate.version}]` })
  }
  if (version.isLocked && plugin.lockedIs === 're-released') {
    found.push({ id, code: 'RE_RELEASED', message: `${name} is listed with other bytes than the lock has; the lock's are kept`, hint: 'Ask the publisher: a released version must not change.' })
  }
  if (version.isLocked && plugin.lockedIs === 'unlisted' && candidate.registry !== undefined) {
    found.push({ id, code: 'UNLISTED', message: `${name} stays locked, but ${candidate.registry} does not list it any more`, hint: `Ask the maintainers of ${candidate.registry} why, or run \`catalyst update ${id}\`.` })
  }
  return found
}
