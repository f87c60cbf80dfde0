import { type Arena, first } from './arena.ts'
import { bareNode, newMachine, Store } from './catalyst.ts'
import { type Case, type Command, inTurns, type Measured, run } from './measure.ts'
import { Project } from './peers.ts'
import { beside, growth, type Section } from './row.ts'

/** `plan` and `apply` when everything is as wanted, beside a Node that does nothing and installers that find nothing to do. */
export function nothingToDo(arena: Arena): Section {
  const { ground, peers, sizes } = arena
  const store = installed(arena, sizes.calm)
  const projects = peers.map((peer) => new Project(ground, arena.world, peer, first(arena, sizes.calm)))
  for (const project of projects) run(project.install())
  const cases = [
    again('bare node -e 0', bareNode(ground.root)),
    again('plan', store.command('plan')),
    again('apply', store.command('apply')),
    ...projects.map((project, i) => again(`${peers[i]} install`, project.install())),
  ]
  const [node, plan, apply, ...others] = inTurns(cases, sizes.quickRounds, sizes.warmUps) as readonly [Measured, Measured, Measured, ...Measured[]]
  return {
    title: `Nothing to do, ${sizes.calm} plugins`,
    note: 'Whole processes, from start to exit. The store has applied its lock; each installer has installed the same packages. `bare node` runs the same Node binary with an empty program.',
    rows: [
      beside('catalyst plan', plan, node, 2),
      beside('catalyst apply', apply, node, 2),
      ...others.flatMap((other) => [beside('catalyst plan', plan, other, other.name.startsWith('npm') ? 1 : undefined), beside('catalyst apply', apply, other, other.name.startsWith('npm') ? 1 : undefined)]),
    ],
  }
}

/** The same at several sizes: what is not looked at must not cost. */
export function nothingToDoGrowth(arena: Arena): Section {
  const { ground, sizes } = arena
  const stores = sizes.calmGrowth.map((size) => installed(arena, size))
  const cases = [again('bare node -e 0', bareNode(ground.root)), ...stores.map((store, i) => again(`${sizes.calmGrowth[i]} plugins`, store.command('plan')))]
  const [node, ...plans] = inTurns(cases, sizes.quickRounds, sizes.warmUps) as readonly [Measured, ...Measured[]]
  const points = plans.map(({ median }, i) => ({ size: sizes.calmGrowth[i] ?? 0, ms: median }))
  return {
    title: 'Nothing to do, as the store grows',
    note: '`catalyst plan` as above; each size beside the one before.',
    rows: [...plans.map((plan) => beside(`plan, ${plan.name}`, plan, node)), ...points.slice(1).map((point, i) => growth('plan', 'plugins', points[i] ?? point, point))],
  }
}

/** A store that has applied everything that it wants. */
function installed(arena: Arena, plugins: number): Store {
  const store = new Store(arena.ground, arena.world, newMachine(arena.ground), first(arena, plugins))
  for (const command of store.install()) run(command)
  run(store.command('apply'))
  return store
}

function again(name: string, command: Command): Case {
  return { name, prepare: () => [command] }
}
