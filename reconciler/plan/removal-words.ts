import type { SealedPolicy } from '../../schemas/common.ts'
import { durationMs } from '../../schemas/durations.ts'
import type { Holdings } from '../../schemas/plan-data.ts'
import type { ClassFate } from './class-steps.ts'
import type { DataClass } from '../data-ports.ts'

/** A removed plugin by the name that tombstones know it by. */
export interface Removed {
  readonly id: string
  readonly version: string
}

/** The YAML that answers what a policy asks; nothing when it asks nothing. Pasted as it is, it keeps everything. */
export function answerYaml(about: Removed, fates: readonly ClassFate[], { grace, backup }: SealedPolicy, holdings: Holdings = {}): { readonly answer?: string } {
  const asked = fates.filter((fate) => fate.becomes === 'awaiting' && !isEmpty(fate.class, holdings)).map((fate) => fate.class)
  if (asked.length === 0) return {}
  const end = durationMs(grace) === 0 ? 'gone at once' : `set aside for ${grace}, then gone`
  return { answer: `${tombstoneYaml(about, asked, 'keep')}   # or remove: ${end}${backup ? '; backed up first' : ''}` }
}

/** Known to hold nothing: there is nothing to ask about. What was not looked at is not empty. */
export function isEmpty(key: DataClass, { tables, data }: Holdings): boolean {
  return (key === 'tables' && tables?.count === 0) || (key === 'data' && data?.files === 0)
}

/** A tombstone as it stands in plugins.yaml. */
export function tombstoneYaml({ id, version }: Removed, classes: readonly DataClass[], wish: 'keep' | 'remove'): string {
  return `removed:\n  ${id}@${version}: { ${classes.map((key) => `${key}: ${wish}`).join(', ')} }`
}

/** How a removal is taken back: as long as nothing is destroyed, by putting the entry back. */
export function undoText({ id }: Removed, fates: readonly ClassFate[]): string {
  const gone = fates.filter((fate) => fate.becomes === 'purged' && fate.from !== 'purged').map((fate) => fate.class)
  const ends = fates.flatMap((fate) => (fate.becomes === 'quarantined' && fate.until !== undefined ? [fate.until] : [])).sort()
  if (gone.length > 0) return `${gone.join(' and ')}: only from a backup, \`catalyst backups ${id}\``
  const before = ends[0] === undefined ? '' : ` before ${minuteOf(ends[0])}`
  return `put ${id} back into plugins.yaml${before}: it finds everything again`
}

/** `2026-11-29 12:00 UTC`: times as people read them, to the minute. */
export function minuteOf(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`
}
