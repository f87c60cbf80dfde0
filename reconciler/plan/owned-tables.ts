import { byCodeUnit } from '../../schemas/digest.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { Effects } from '../../schemas/plan.ts'
import type { Removal } from '../data-ports.ts'
import type { ObservedState } from './observed.ts'

/** A plugin's tables as the database names them, with what is in them; where nobody looked, as its package names them. Pure. */
export function tablesNamed(id: string, block: LockBlock, observed: ObservedState, removal?: Removal): Effects['tables'] {
  const inventory = observed.inventories?.get(id) ?? removal?.inventory
  return inventory ? inventory.tables.map(({ name, rows, bytes }) => ({ name, rows, bytes })).sort((a, b) => byCodeUnit(a.name, b.name)) : block.tables.map((name) => ({ name }))
}
