import { canonicalJson, sha256, type Digest } from '../../schemas/digest.ts'
import type { AuditRecord } from '../ports.ts'

/** The chain value before the first record. */
export const AUDIT_START: Digest = `sha256:${'0'.repeat(64)}`

/** The chain value of a record: sha256 over the one before and the record in RFC 8785 JSON. */
export function chainOf(previous: Digest, record: Omit<AuditRecord, 'chain'>): Digest {
  const { sequence, at, by, event, id, details } = record
  return sha256(`${previous}\n${canonicalJson({ sequence, at, by, event, id: id ?? null, details })}`)
}

/** Chains new records to the ones before. `last` is the newest record written, undefined for none. */
export function chained(
  last: Pick<AuditRecord, 'sequence' | 'chain'> | undefined,
  events: readonly Pick<AuditRecord, 'event' | 'id' | 'details'>[],
  stamp: Pick<AuditRecord, 'at' | 'by'>,
): AuditRecord[] {
  let sequence = last?.sequence ?? 0
  let chain = last?.chain ?? AUDIT_START
  return events.map((event) => {
    const record = { sequence: ++sequence, ...stamp, event: event.event, id: event.id, details: event.details }
    chain = chainOf(chain, record)
    return { ...record, chain }
  })
}

/**
 * The sequence number of the first record that does not follow from the one before it, undefined when all do. The
 * first record given is believed unless it is number 1: a part of the log proves itself from there on.
 */
export function brokenLink(records: readonly AuditRecord[]): number | undefined {
  for (const [at, record] of records.entries()) {
    const previous = records[at - 1]
    if (!previous && record.sequence !== 1) continue
    const follows = record.sequence === (previous?.sequence ?? 0) + 1 && record.chain === chainOf(previous?.chain ?? AUDIT_START, record)
    if (!follows) return record.sequence
  }
  return undefined
}
