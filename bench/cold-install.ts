import { type Arena, first } from './arena.ts'
import { type Machine, newMachine, Store } from './catalyst.ts'
import { type Case, inTurns, type Measured } from './measure.ts'
import { peakOf } from './memory.ts'
import { Project, shellFloor } from './peers.ts'
import { alone, beside, growth, megabytes, type Section } from './row.ts'

const MOST_MEMORY = 250e6

/** From plugins.yaml to a live generation with nothing cached, and again for a second store of the same user on the same machine. */
export async function coldInstall(arena: Arena): Promise<Section> {
  const { ground, world, peers, sizes } = arena
  const plugins = first(arena, sizes.cold)
  const machines: Machine[] = []
  const cases: Case[] = [
    { name: 'cold', prepare: () => new Store(ground, world, remember(machines, newMachine(ground)), plugins).install() },
    { name: 'second store', prepare: () => new Store(ground, world, machines[0] ?? newMachine(ground), plugins).install() },
    ...peers.map((peer) => ({ name: `${peer} install`, prepare: () => [new Project(ground, world, peer, plugins).install()] })),
    { name: 'curl, sha256sum and tar', prepare: () => [shellFloor(ground.folder('floor'), plugins)] },
  ]
  const [cold, second, ...others] = inTurns(cases, sizes.slowRounds, sizes.warmUps) as readonly [Measured, Measured, ...Measured[]]
  return {
    title: `Cold install, ${sizes.cold} plugins`,
    note: '`catalyst lock` and `catalyst apply`, two processes, every signature verified, every package inspected, every plugin started once. The peers install tarballs of the same bytes from the same server process, without scripts, audit and fund; the last floor downloads, hashes and unpacks two at a time and does nothing else.',
    rows: [...others.map((other) => beside('lock + apply', cold, other, other.name.startsWith('npm') ? 1 : undefined)), beside('second store, same machine', second, { ...cold, name: 'the first' }, 0.5), ...(await memory(arena))],
  }
}

function remember(machines: Machine[], machine: Machine): Machine {
  machines.push(machine)
  return machine
}

async function memory(arena: Arena) {
  const store = new Store(arena.ground, arena.world, newMachine(arena.ground), first(arena, arena.sizes.cold))
  const peaks = []
  for (const command of store.install()) peaks.push(await peakOf(command))
  const tree = Math.max(...peaks.map((p) => p.tree))
  const process = Math.max(...peaks.map((p) => p.process))
  return [
    alone('most memory, all processes at one moment', megabytes(tree), { text: `<= ${megabytes(MOST_MEMORY)}`, ok: tree <= MOST_MEMORY }),
    alone('most memory, largest process', megabytes(process), { text: `<= ${megabytes(MOST_MEMORY)}`, ok: process <= MOST_MEMORY }),
  ]
}

/** The cold install at several sizes. */
export function coldGrowth(arena: Arena): Section {
  const { ground, world, sizes } = arena
  const cases = sizes.coldGrowth.map((size) => ({ name: `${size} plugins`, prepare: () => new Store(ground, world, newMachine(ground), first(arena, size)).install() }))
  const points = inTurns(cases, sizes.growthRounds).map(({ median }, i) => ({ size: sizes.coldGrowth[i] ?? 0, ms: median }))
  return {
    title: 'Cold install, as the store grows',
    note: '`catalyst lock` and `catalyst apply` with nothing cached; each size beside the one before.',
    rows: points.slice(1).map((point, i) => growth('lock + apply', 'plugins', points[i] ?? point, point, 1.3)),
  }
}
