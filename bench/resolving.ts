import { resolveGrowth } from './resolve.ts'
import { growth, type Section } from './row.ts'

/** How resolving grows; see bench/resolve.ts for what is resolved. */
export function resolving(): Section {
  const points = resolveGrowth().map(({ wanted, ms }) => ({ size: wanted, ms }))
  return {
    title: 'Resolving, as the wish grows',
    note: 'Choosing versions in memory: wanted plugins with 20 versions each, half as many shared ones that they depend on, and pins that make the newest impossible. A step of ten times as many may cost ten times as much, and a third more.',
    rows: points.slice(1).map((point, i) => growth('resolve', 'wanted', points[i] ?? point, point, 1.3)),
  }
}
