import type { Digest } from '../../schemas/digest.ts'
import type { AuditRecord } from '../ports.ts'
import { AUDIT_START, chainOf } from './audit.ts'

/** What is wrong with an audit, and where: the first thing only, for every record behind it is in doubt. */
export interface BrokenAudit {
  /** `missing`: a record was removed. `altered`: what stands there is not what was chained. `cut`: the head that the reader kept is not in it. */
  readonly kind: 'missing' | 'altered' | 'cut'
  /** The record to look at; for `cut` the newest that is there. */
  readonly sequence: number
  readonly message: string
}

/**
 * Proves a whole audit, from its first record on: every record follows from the one before it, and the head that the
 * reader kept from an earlier apply is the chain value of one of them. Without a head, an audit whose end was cut off, or
 * that was written anew from somewhere on, still holds together: only who keeps heads elsewhere sees that. Pure.
 */
export function brokenAudit(records: readonly AuditRecord[], head?: Digest): BrokenAudit | undefined {
  let chain = AUDIT_START
  for (const [at, record] of records.entries()) {
    const broken = brokenAt(record, at + 1, chain)
    if (broken) return broken
    chain = record.chain
  }
  if (head === undefined || head === AUDIT_START || records.some((record) => record.chain === head)) return undefined
  return { kind: 'cut', sequence: records.length, message: `no record has the head ${head}: the audit was cut off or written anew; it ends with record ${records.length}` }
}

function brokenAt(record: AuditRecord, expected: number, chain: Digest): BrokenAudit | undefined {
  const { sequence } = record
  if (sequence > expected) {
    const gone = sequence - 1 === expected ? `record ${expected} is` : `records ${expected} to ${sequence - 1} are`
    return { kind: 'missing', sequence: expected, message: `${gone} missing before record ${sequence}` }
  }
  const follows = sequence === expected && record.chain === chainOf(chain, record)
  if (follows) return undefined
  const before = expected > 1 ? ` It, or the order of it and record ${expected - 1}, was changed.` : ''
  return { kind: 'altered', sequence, message: `record ${sequence} is not what was chained.${before}` }
}
