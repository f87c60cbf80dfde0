import type { Arena, Sizes } from './arena.ts'
import { backup } from './backup.ts'
import { backupMemory } from './backup-memory.ts'
import { coldGrowth, coldInstall } from './cold-install.ts'
import { Ground } from './ground.ts'
import { ingest } from './ingest.ts'
import { nothingToDo, nothingToDoGrowth } from './nothing-to-do.ts'
import type { Peer } from './peers.ts'
import { planWithTables } from './plan-with-tables.ts'
import { proofs } from './proofs.ts'
import { resolving } from './resolving.ts'
import { rollback } from './rollback.ts'
import { service } from './service.ts'
import type { Section } from './row.ts'
import { signedIndex } from './signed-index.ts'
import type { WorldSize } from './loopback.ts'
import { startWorldProcess } from './world-process.ts'

const SECTIONS: Readonly<Record<string, (arena: Arena) => Section | Promise<Section>>> = {
  'nothing-to-do': nothingToDo,
  'cold-install': coldInstall,
  rollback,
  resolve: () => resolving(),
  proofs,
  backup,
  'backup-memory': backupMemory,
  'plan-with-tables': planWithTables,
  'signed-index': signedIndex,
  ingest,
  service,
  'cold-growth': coldGrowth,
  'calm-growth': nothingToDoGrowth,
}

export const SECTION_NAMES: readonly string[] = Object.keys(SECTIONS)

export interface BenchOptions {
  readonly sizes: Sizes
  readonly peers: readonly Peer[]
  /** Names of sections; default all. */
  readonly only?: readonly string[]
  /** Told what is measured now. */
  readonly tell?: (what: string) => void
  /** Given each section as soon as it is measured: a run that is broken off keeps what it has. */
  readonly done?: (name: string, section: Section, tookSeconds: number) => void
}

/** Publishes a world, measures everything in it, and takes it away again. */
export async function measureAll({ sizes, peers, only = SECTION_NAMES, tell = () => undefined, done = () => undefined }: BenchOptions): Promise<readonly Section[]> {
  const names = only.filter((name) => sizes.resolve || name !== 'resolve')
  tell('publishing plugins')
  const ground = new Ground()
  const world = await startWorldProcess(worldFor(sizes, names))
  try {
    const sections: Section[] = []
    for (const name of names) {
      tell(name)
      const start = performance.now()
      const section = await SECTIONS[name]?.({ world, ground, peers, sizes })
      if (!section) throw new Error(`there is no section ${name}; there are ${SECTION_NAMES.join(', ')}`)
      sections.push(section)
      done(name, section, (performance.now() - start) / 1000)
    }
    return sections
  } finally {
    await world.close()
    ground.close()
  }
}

/** No more plugins than are measured: publishing is not what we are here for. */
function worldFor(sizes: Sizes, names: readonly string[]): WorldSize {
  const full = Math.max(2 * sizes.calm, sizes.cold, ...sizes.proofs, ...(names.includes('cold-growth') ? sizes.coldGrowth : []))
  const most = names.includes('calm-growth') ? Math.max(...sizes.calmGrowth) : 0
  return { full, small: Math.max(0, most - full), owners: { ...sizes.owners, plugins: names.includes('plan-with-tables') ? sizes.owners.plugins : 0 } }
}
