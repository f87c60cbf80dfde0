import { gather } from '../../reconciler/lock/gather.ts'
import { resolve } from '../../reconciler/plan/resolve.ts'
import type { KeptBack } from '../../reconciler/plan/resolve-types.ts'
import { compareVersions, isPrerelease } from '../../schemas/versions.ts'
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
  return { exit: 0, text: table(behind, paint), result: { plugins: behind }, problems: [...gathered.unchecked.values(), ...gathered.warnings] }
}

function table(rows: readonly Row[], paint: Paint): string {
  if (rows.length === 0) return 'Every plugin is at its newest version.'
  const width = Math.max(6, ...rows.map((r) => r.id.length))
  const line = (a: string, b: string, c: string, d: string, e: string): string => `${a.padEnd(width)}  ${b.padEnd(12)}${c.padEnd(12)}${d.padEnd(12)}${e}`.trimEnd()
  return [
    paint('quiet', line('plugin', 'locked', 'update to', 'newest', '')),
    ...rows.map((r) => line(r.id, r.locked, r.wanted === r.locked ? '-' : r.wanted, r.latest, r.keptBack[0] ? safe(`${r.keptBack[0].version}: ${r.keptBack[0].detail}`) : '')),
  ].join('\n')
}
