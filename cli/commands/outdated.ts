import { gather } from '../../reconciler/lock/gather.ts'
import { resolve } from '../../reconciler/resolve/resolve.ts'
import type { KeptBack } from '../../reconciler/resolve/types.ts'
import { compareVersions, isPrerelease, satisfies } from '../../schemas/versions.ts'
import type { Command } from '../command.ts'
import { safe, type Paint } from '../terminal.ts'

interface Row {
  readonly id: string
  readonly locked: string
  /** What `update` would take. */
  readonly wanted: string
  /** The newest version that exists, prereleases aside. */
  readonly latest: string
  readonly keptBack: readonly KeptBack[]
}

/** `catalyst outdated`: what newer versions exist and why they are not taken. Asks the registries; writes nothing. */
export const outdatedCommand: Command<Record<string, never>> = async ({ house, paint }) => {
  const { desired } = await house.files.readDesired()
  const locked = await house.files.readLock()
  const gathered = await house.withLockDeps(desired, (deps) => gather(desired, locked, deps))
  const resolved = resolve({ desired, candidates: gathered.candidates, locked, mode: { kind: 'update', ids: 'all', latest: false }, holds: await house.holds(desired), now: house.now() })
  const rows = resolved.selections.map(({ id, candidate, keptBack }): Row => {
    const stable = (gathered.candidates.get(id) ?? []).map((c) => c.version).filter((v) => !isPrerelease(v))
    return { id, locked: locked?.plugins[id]?.version ?? '', wanted: candidate.version, latest: [...stable].sort(compareVersions).at(-1) ?? candidate.version, keptBack }
  })
  const behind = rows.filter((r) => r.locked !== r.latest || r.locked !== r.wanted)
  const ranges = new Map(desired.plugins.map((p) => [p.id, p.range]))
  return { exit: 0, text: table(behind, ranges, paint), result: { plugins: behind }, problems: [...gathered.unchecked.values(), ...gathered.warnings] }
}

/** Why the newest version is not what `update` takes. */
function reason({ id, wanted, latest, keptBack: [first] }: Row, ranges: ReadonlyMap<string, string>): string {
  if (first) return safe(`${first.version}: ${first.detail}`)
  const range = ranges.get(id)
  return wanted === latest || range === undefined || satisfies(latest, range, true) ? '' : `outside ${range}`
}

function table(rows: readonly Row[], ranges: ReadonlyMap<string, string>, paint: Paint): string {
  if (rows.length === 0) return 'Every plugin is at its newest version.'
  const width = Math.max(6, ...rows.map((r) => r.id.length))
  const line = (a: string, b: string, c: string, d: string, e: string): string => `${a.padEnd(width)}  ${b.padEnd(12)}${c.padEnd(12)}${d.padEnd(12)}${e}`.trimEnd()
  return [
    paint('quiet', line('plugin', 'locked', 'update to', 'newest', '')),
    ...rows.map((r) => line(r.id, r.locked, r.wanted === r.locked ? '-' : r.wanted, r.latest, reason(r, ranges))),
  ].join('\n')
}
