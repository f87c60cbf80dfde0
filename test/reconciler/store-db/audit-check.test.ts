import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../schemas/digest.ts'
import type { AuditRecord } from '../../../reconciler/ports.ts'
import { chained } from '../../../reconciler/store-db/audit.ts'
import { brokenAudit } from '../../../reconciler/store-db/audit-check.ts'

const events = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ event: 'install', id, details: { to: { version: '1.0.0' } } }))
const RECORDS = chained(undefined, events, { at: '2026-11-22T12:00:00Z', by: 'tester' })
const at = (sequence: number): AuditRecord => RECORDS[sequence - 1] as AuditRecord
const replaced = (sequence: number, by: AuditRecord): AuditRecord[] => RECORDS.with(sequence - 1, by)

describe('an audit proves itself from its first record on', () => {
  test('whole, empty, and with any head that it ever had', () => {
    expect(brokenAudit(RECORDS)).toBeUndefined()
    expect(brokenAudit([])).toBeUndefined()
    for (const { chain } of RECORDS) expect(brokenAudit(RECORDS, chain)).toBeUndefined()
  })

  const swapped = [at(1), { ...at(3), sequence: 2 }, { ...at(2), sequence: 3 }, at(4), at(5)]
  const cases: readonly (readonly [string, readonly AuditRecord[], string, number])[] = [
    ['altered details', replaced(3, { ...at(3), details: { to: { version: '9.9.9' } } }), 'altered', 3],
    ['another author', replaced(1, { ...at(1), by: 'nobody' }), 'altered', 1],
    ['altered with its own chain value computed anew', replaced(3, { ...chained(at(2), [{ ...at(3), event: 'remove' }], at(3))[0], sequence: 3 } as AuditRecord), 'altered', 4],
    ['two swapped', swapped, 'altered', 2],
    ['one removed', RECORDS.filter((r) => r.sequence !== 3), 'missing', 3],
    ['the first removed', RECORDS.slice(1), 'missing', 1],
    ['two removed', RECORDS.filter((r) => r.sequence !== 2 && r.sequence !== 3), 'missing', 2],
    ['one removed and the rest renumbered', RECORDS.filter((r) => r.sequence !== 3).map((r, i) => ({ ...r, sequence: i + 1 })), 'altered', 3],
    ['one twice', [at(1), at(2), at(2), at(3)], 'altered', 2],
  ]
  test.each(cases)('%s', (_what, records, kind, sequence) => {
    expect(brokenAudit(records)).toMatchObject({ kind, sequence, message: expect.stringContaining(String(sequence)) })
  })

  test('an end that was cut off is seen only by who kept the head', () => {
    const cut = RECORDS.slice(0, 3)
    expect(brokenAudit(cut)).toBeUndefined()
    expect(brokenAudit(cut, at(5).chain)).toMatchObject({ kind: 'cut', sequence: 3 })
    expect(brokenAudit(cut, at(2).chain)).toBeUndefined()
  })

  test('whatever one field of one record becomes, it is seen', () => {
    const field = fc.constantFrom('at', 'by', 'event', 'id', 'chain')
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), field, fc.string(), (sequence, name, value) => {
        fc.pre(at(sequence)[name as keyof AuditRecord] !== value)
        const altered = replaced(sequence, { ...at(sequence), [name]: name === 'chain' ? sha256(value) : value })
        expect(brokenAudit(altered)?.sequence).toBe(sequence)
      }),
    )
  })
})
