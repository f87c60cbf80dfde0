import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { LineSum } from '../../../reconciler/tables/postgres-digest.ts'
import { scramVerifier } from '../../../reconciler/tables/postgres-password.ts'
import { brokeOut, permittedStatements, whyNot } from '../../../reconciler/tables/postgres-rules.ts'
import { MessageGate } from '../../../reconciler/tables/postgres-session.ts'

/* The parts that need no server. */

describe('which statements are tried', () => {
  const refused = (sql: string): string | undefined => {
    try {
      permittedStatements(sql, 'migrations/0001_a.sql')
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
  test.each([
    'CREATE TABLE a (id int)', 'CREATE UNLOGGED TABLE a ()', 'CREATE UNIQUE INDEX i ON a (id)', 'CREATE OR REPLACE VIEW v AS SELECT 1', 'CREATE MATERIALIZED VIEW m AS SELECT 1', 'REFRESH MATERIALIZED VIEW m',
    'CREATE CONSTRAINT TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()', 'ALTER TYPE k ADD VALUE \'x\'', 'DROP INDEX i', 'DO $$ BEGIN NULL; END $$', 'WITH q AS (SELECT 1) SELECT * FROM q',
    'INSERT INTO a VALUES (\'COMMIT; lo_create(1)\')', 'SELECT lo_create FROM a', 'SELECT "set_config" FROM a', '-- COMMIT\nSELECT 1', 'CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END',
  ])('tried: %s', (sql) => expect(refused(sql)).toBeUndefined())
  test.each([
    ['commit', /transaction/], ['End', /transaction/], ['CALL p()', /transaction/], ['(SELECT 1)', /does not begin with a word/], ['PREPARE p AS SELECT 1', /session/], ['SET search_path = x', /session/], ['COPY a FROM STDIN', /files/],
    ['CREATE INDEX CONCURRENTLY i ON a (id)', /without CONCURRENTLY/], ['CREATE UNIQUE INDEX CONCURRENTLY i ON a (id)', /CONCURRENTLY/], ['DROP INDEX CONCURRENTLY i', /CONCURRENTLY/], ['VACUUM a', /undone/], ['ALTER SYSTEM SET a = 1', /more than/],
    ['CREATE EXTENSION x', /more than/], ['CREATE FOREIGN TABLE f () SERVER s', /more than/], ['CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()', /more than/], ['CREATE CAST (a AS b) WITHOUT FUNCTION', /more than/], ['ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC', /more than/],
    ['DROP OWNED BY x', /more than/], ['GRANT ALL ON a TO PUBLIC', /more than/], ['EXPLAIN ANALYZE SELECT 1', /more than/], ['SELECT set_config(\'a\', \'b\', false)', /set_config/], ['SELECT pg_catalog . set_config /* x */ (\'a\')', /set_config/], ['SELECT "lo_create"(0)', /lo_create/], ['SELECT PG_NOTIFY(\'a\', \'b\')', /pg_notify/],
  ])('refused: %s', (sql, why) => expect(refused(`SELECT 1;\n\n${sql}`)).toMatch(new RegExp(`^migrations/0001_a\\.sql line 3: .*${why.source}`)))

  test('what nobody has thought of is refused', () => {
    fc.assert(fc.property(fc.stringMatching(/^[A-Z]{3,9}$/).filter((w) => !/^(INSERT|UPDATE|DELETE|MERGE|SELECT|WITH|VALUES|TRUNCATE|LOCK|COMMENT|ANALY[SZ]E|REFRESH|CREATE|ALTER|DROP)$/.test(w)), (word) => whyNot([word]) !== undefined))
  })
  test('the server’s own word for a statement that got away', () => {
    expect(['COMMIT', 'ROLLBACK', 'START TRANSACTION', 'PREPARE TRANSACTION', 'SET', 'LISTEN', 'DECLARE CURSOR'].filter((tag) => !brokeOut(tag))).toEqual([])
    expect(['CREATE TABLE', 'INSERT 0 1', 'SELECT 5', 'DO', 'ALTER TABLE', ''].filter(brokeOut)).toEqual([])
  })
})

test('a verifier is the one that the server would make (the example of RFC 7677)', () => {
  expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe('SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=')
})

describe('the sum of lines', () => {
  const sumOf = (text: string, cuts: readonly number[] = []): string => {
    const sum = new LineSum()
    const bytes = Buffer.from(text)
    const at = [0, ...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
    for (let i = 1; i < at.length; i++) sum.add(bytes.subarray(at[i - 1], at[i]))
    return sum.hex()
  }
  const lines = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }).map((s) => s.replaceAll('\n', '')), { maxLength: 12 })
  const text = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('')

  test('does not depend on their order or on where the bytes were cut', () => {
    fc.assert(fc.property(lines, fc.array(fc.nat(500), { maxLength: 6 }), fc.infiniteStream(fc.nat()), (all, cuts, dice) => {
      const mixed = all.map((line) => [dice.next().value, line] as const).sort(([a], [b]) => a - b).map(([, line]) => line)
      expect(sumOf(text(mixed), cuts)).toBe(sumOf(text(all)))
    }))
  })
  test('tells any other set of lines, also one that is there twice', () => {
    fc.assert(fc.property(lines, fc.string({ maxLength: 3 }), (all, more) => sumOf(text([...all, more.replaceAll('\n', '')])) !== sumOf(text(all))))
  })
  test('of one line is its sha256, word by word', () => {
    expect(sumOf('a\n')).toBe(createHash('sha256').update('a').digest('hex'))
  })
})

describe('the gate for the server’s messages', () => {
  const message = (kind: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5)
    head.write(kind, 'latin1')
    head.writeUInt32BE(body.length + 4, 1)
    return Buffer.concat([head, body])
  }
  const chunked = (bytes: Buffer, size: number): Buffer[] => Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  const messages = fc.array(fc.tuple(fc.constantFrom('D', 'C', 'T', 'Z', 'd', 'N'), fc.uint8Array({ maxLength: 40 })), { maxLength: 20 })

  test('passes all but rows, wherever the chunks end', () => {
    fc.assert(fc.property(messages, fc.integer({ min: 1, max: 64 }), fc.boolean(), (all, size, discards) => {
      const gate = new MessageGate(() => discards)
      const sent = Buffer.concat(all.map(([kind, body]) => message(kind, Buffer.from(body))))
      const wanted = Buffer.concat(all.filter(([kind]) => !discards || (kind !== 'D' && kind !== 'd')).map(([kind, body]) => message(kind, Buffer.from(body))))
      expect(Buffer.concat(chunked(sent, size).map((chunk) => gate.pass(chunk) ?? Buffer.alloc(0)))).toEqual(wanted)
    }))
  })
  test('stops at a message that is too long, and drops a row of any length', () => {
    const long = message('N', Buffer.alloc(2_000_000))
    expect(new MessageGate(() => true).pass(long.subarray(0, 100))).toBeUndefined()
    const row = message('D', Buffer.alloc(50_000_000))
    const gate = new MessageGate(() => true)
    expect(chunked(row, 65_536).every((chunk) => gate.pass(chunk)?.length === 0)).toBe(true)
    expect(gate.pass(message('Z', Buffer.from('T')))).toEqual(message('Z', Buffer.from('T')))
  })
})
