import { type Arena } from './arena.ts'
import { bareNode, newMachine, Store } from './catalyst.ts'
import { inTurns, type Measured, run } from './measure.ts'
import { beside, type Section } from './row.ts'

/** Back and forth between two generations that have no plugin in common: each rollback changes every plugin there is. */
export function rollback(arena: Arena): Section {
  const { ground, world, sizes } = arena
  const before = world.plugins.slice(0, sizes.calm)
  const after = world.plugins.slice(sizes.calm, 2 * sizes.calm)
  const store = new Store(ground, world, newMachine(ground), before)
  for (const command of store.install()) run(command)
  store.want(world, after)
  for (const command of store.install()) run(command)
  let live = 2
  const back = (): readonly [ReturnType<Store['command']>] => {
    live = 3 - live
    return [store.command('rollback', '--to', String(live))]
  }
  const cases = [
    { name: 'bare node -e 0', prepare: () => [bareNode(ground.root)] },
    { name: 'rollback', prepare: back },
  ]
  const [node, ours] = inTurns(cases, sizes.quickRounds, sizes.warmUps) as readonly [Measured, Measured]
  return {
    title: `Rollback of ${sizes.calm} plugins`,
    note: `\`catalyst rollback --to N\` as a whole process: ${sizes.calm} plugins leave, ${sizes.calm} others come back.`,
    rows: [beside('catalyst rollback --to N', ours, node, 2.5)],
  }
}
