import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../../reconciler/data-ports.ts'
import { splitStatements } from '../../../reconciler/tables/statements.ts'
import { tokensOf, valueOf } from '../../../reconciler/tables/tokens.ts'

const split = (text: string, dialect: Dialect): readonly string[] => splitStatements(text, dialect).map((s) => s.sql)

describe('in both dialects', () => {
  describe.each(['sqlite', 'postgres'] as const)('%s', (dialect) => {
    test.each<[string, string, readonly string[]]>([
      ['nothing', '', []],
      ['blanks, comments and lone semicolons', ' ;\n-- a;b\n/* c;d */ ;;', []],
      ['two', 'a; b', ['a', 'b']],
      ['the last one without its end', 'a;\nb\n', ['a', 'b']],
      ['a semicolon in a string', "INSERT INTO t VALUES ('a;''b;'); x", ["INSERT INTO t VALUES ('a;''b;')", 'x']],
      ['a semicolon in a name', 'DROP TABLE "a;""b"; x', ['DROP TABLE "a;""b"', 'x']],
      ['a quote in a comment', "a -- it's\n; b /* it's */; c", ['a', 'b', 'c']],
      ['a comment mark in a string', "a '--' '/*'; b", ["a '--' '/*'", 'b']],
      ['a comment inside', 'a /* ; */ b -- ;\n c; d', ['a /* ; */ b -- ;\n c', 'd']],
      ['CASE … END', 'SELECT CASE WHEN 1 THEN 2 END; x', ['SELECT CASE WHEN 1 THEN 2 END', 'x']],
    ])('%s', (_, text, expected) => expect(split(text, dialect)).toEqual(expected))

    test('lines are counted, and words are told in upper case', () => {
      const text = '-- head\ncreate unique Index a on b (c);\n\n/*\n*/ insert\ninto "x" values (\n1);\n(select 1)'
      expect(splitStatements(text, dialect).map(({ line, words }) => [line, words])).toEqual([[2, ['CREATE', 'UNIQUE', 'INDEX', 'A', 'ON', 'B']], [5, ['INSERT', 'INTO']], [8, []]])
    })

    test.each([
      ['string', "a;\n\nb 'c; d"],
      ['name', 'a;\n\nb "c; d'],
      ['comment', 'a;\n\nb /* c; d'],
    ])('a %s that does not end is refused at its line', (what, text) => {
      expect(() => splitStatements(text, dialect, 'x.sql')).toThrow(expect.objectContaining({ code: 'MIGRATION_REFUSED', message: `The ${what} that begins at line 3 does not end`, place: { file: 'x.sql', line: 3 } }))
    })

    test('a string of four megabytes is one token', () => {
      const long = `INSERT INTO t VALUES ('${"x'';".repeat(1_000_000)}')`
      expect(split(`${long}; b`, dialect)).toEqual([long, 'b'])
    })

    test('tokens are the whole text, and what is in quotes is never cut', () => {
      const piece = fc.constantFrom("'a;b'", '"n;""o"', '-- c;\n', '/* d; */', 'word', ';', '(', ')', ' ', '\n', '12.5', "''''", '+', 'ünï')
      fc.assert(
        fc.property(fc.array(piece), (pieces) => {
          const text = pieces.join(' ')
          const tokens = [...tokensOf(text, dialect)]
          expect(tokens.map((t) => text.slice(t.start, t.end)).join('')).toBe(text)
          const strings = tokens.filter((t) => t.kind === 'string').map((t) => text.slice(t.start, t.end))
          expect(strings).toEqual(pieces.filter((p) => p.startsWith("'")))
        }),
      )
    })
  })
})

describe('sqlite', () => {
  const trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = CASE WHEN c THEN ';' END; DELETE FROM a; END"
  test.each<[string, string, readonly string[]]>([
    ['a trigger with its body', `${trigger}; x`, [trigger, 'x']],
    ['a trigger without its last semicolon', trigger, [trigger]],
    ['a trigger after another statement', `a;; ${trigger}; x`, ['a', trigger, 'x']],
    ['a temporary one, in lower case, after a comment', `/* x */ ${trigger.replace('CREATE', 'create temp').toLowerCase()}; x`, [trigger.replace('CREATE', 'create temp').toLowerCase(), 'x']],
    ['a table that is called trigger', 'CREATE TABLE trigger (a); b', ['CREATE TABLE trigger (a)', 'b']],
    ['names in brackets and backticks', 'SELECT [a;b], `c;``d`; e', ['SELECT [a;b], `c;``d`', 'e']],
    ['a dollar quote is none', 'SELECT $a$; b $a$', ['SELECT $a$', 'b $a$']],
    ['comments do not nest', 'a /* /* */; b', ['a', 'b']],
    ['a backslash is a letter', "SELECT '\\'; b", ["SELECT '\\'", 'b']],
    ['a line comment goes on over a carriage return', 'a -- b\r; c\n; d', ['a', 'd']],
  ])('%s', (_, text, expected) => expect(split(text, 'sqlite')).toEqual(expected))
})

describe('postgres', () => {
  const atomic = 'CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END'
  test.each<[string, string, readonly string[]]>([
    ['a dollar quote', 'DO $$ a; b $$; c', ['DO $$ a; b $$', 'c']],
    ['a dollar quote with a tag, another inside', 'x $a$ ; $$ ; $b$ ; $a$; c', ['x $a$ ; $$ ; $b$ ; $a$', 'c']],
    ['a dollar in a name opens nothing', 'SELECT a$b$; c$b$', ['SELECT a$b$', 'c$b$']],
    ['a parameter opens nothing', 'SELECT $1; b $1', ['SELECT $1', 'b $1']],
    ['comments nest', 'a /* /* ; */ ; */; b', ['a', 'b']],
    ['a backslash in a plain string is a letter', "SELECT '\\'; b", ["SELECT '\\'", 'b']],
    ['a backslash in an escape string escapes', "SELECT E'\\'; b'; c", ["SELECT E'\\'; b'", 'c']],
    ['an escape string that goes on in the next line', "SELECT E'a'\n -- x\n '\\'; b'; c", ["SELECT E'a'\n -- x\n '\\'; b'", 'c']],
    ['a body that is no string', `${atomic}; b`, [atomic, 'b']],
    ['a body after another statement', `a; ${atomic}; b`, ['a', atomic, 'b']],
    ['parentheses', 'CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2); b', ['CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2)', 'b']],
    ['BEGIN outside of a routine', 'BEGIN; a; END; b', ['BEGIN', 'a', 'END', 'b']],
    ['a line comment ends at a carriage return', 'a -- b\r; c', ['a', 'c']],
  ])('%s', (_, text, expected) => expect(split(text, 'postgres')).toEqual(expected))
})

test('what a token says', () => {
  const text = `"a""b" [c] \`d\` 'e''f' Plain`
  expect([...tokensOf(text, 'sqlite')].filter((t) => t.kind !== 'blank').map((t) => valueOf(text, t))).toEqual(['a"b', 'c', 'd', "e'f", 'Plain'])
})
