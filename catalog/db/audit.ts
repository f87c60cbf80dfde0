import type { AuditEvent } from '../ports.ts'
import type { Writing } from './session.ts'

/** Appends to the audit, in the transaction of what it tells. */
export async function appendAudit(db: Writing, events: readonly Omit<AuditEvent, 'sequence'>[]): Promise<void> {
  const rows = events.map(({ at, by, event, subject, details }) => ({ at, by, event, subject, details: JSON.stringify(details) }))
  if (rows.length > 0) await db.insertInto('catalog_audit').values(rows).execute()
}
