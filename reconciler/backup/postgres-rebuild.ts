import { literal, quoted, type PostgresSchema } from './postgres-schema.ts'

/*
 * The statements that make a schema again. Pure. They run on the plugin's own connection with an empty schema of its own
 * as the search path, each alone in its message: what a hostile backup wrote into a definition can do no more than a
 * migration of that plugin could, and what was made is read back and compared afterwards.
 */

/** Types, sequences and tables, ready for rows: keys and checks come after them. */
export function beforeRows(schema: PostgresSchema): readonly string[] {
  return [
    ...schema.enums.map(({ name, labels }) => `CREATE TYPE ${quoted(name)} AS ENUM (${labels.map(literal).join(', ')})`),
    ...schema.domains.map(domain),
    ...schema.sequences.filter((s) => !isIdentity(schema, s)).map((s) => `CREATE SEQUENCE ${quoted(s.name)} AS ${s.type} ${sequenceOptions(s)}`),
    ...schema.tables.map((table) => createTable(schema, table)),
  ]
}

/** `COPY` of the columns that hold values of their own, in their order. `null` for a table that has none. */
export function copyColumns(schema: PostgresSchema, table: string): string | null {
  const columns = schema.tables.find(({ name }) => name === table)?.columns.filter(({ generated }) => generated === undefined) ?? []
  return columns.length === 0 ? null : `(${columns.map(({ name }) => quoted(name)).join(', ')})`
}

/** Keys, checks, indexes, views, and where the sequences stand. */
export function afterRows(schema: PostgresSchema): readonly string[] {
  const constraints = schema.constraints.map(({ table, name, definition }) => `ALTER TABLE ${quoted(table)} ADD CONSTRAINT ${quoted(name)} ${definition}`)
  const owned = schema.sequences.flatMap((s) => (s.owner && !isIdentity(schema, s) ? [`ALTER SEQUENCE ${quoted(s.name)} OWNED BY ${quoted(s.owner.table)}.${quoted(s.owner.column)}`] : []))
  return [
    ...constraints.filter((_, i) => schema.constraints[i]?.kind !== 'f'),
    ...schema.indexes.map(({ table, name, unique, using }) => `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${quoted(name)} ON ${quoted(table)} USING ${using}`),
    ...constraints.filter((_, i) => schema.constraints[i]?.kind === 'f'),
    ...schema.views.map(({ name, definition, options }) => `CREATE VIEW ${quoted(name)}${withOptions(options)} AS ${definition}`),
    ...owned,
    ...schema.sequences.map(({ name, last, called }) => `SELECT pg_catalog.setval(${literal(quoted(name))}, ${last}, ${called})`),
    ...schema.comments.map(({ on, name, column, text }) => `COMMENT ON ${on} ${quoted(name)}${column === undefined ? '' : `.${quoted(column)}`} IS ${literal(text)}`),
  ]
}

/** Hands all that was made over to another role: what a table owns goes with it. */
export function handOver(schema: PostgresSchema, space: string, role: string): readonly string[] {
  const things = [
    ...schema.tables.map(({ name }) => ['TABLE', name]),
    ...schema.views.map(({ name }) => ['VIEW', name]),
    ...schema.sequences.filter(({ owner }) => owner === undefined).map(({ name }) => ['SEQUENCE', name]),
    ...schema.domains.map(({ name }) => ['DOMAIN', name]),
    ...schema.enums.map(({ name }) => ['TYPE', name]),
  ] as const
  return things.map(([kind, name]) => `ALTER ${kind} ${quoted(space)}.${quoted(name ?? '')} OWNER TO ${quoted(role)}`)
}

type SequenceOf = PostgresSchema['sequences'][number]
type ColumnOf = PostgresSchema['tables'][number]['columns'][number]

function domain({ name, type, collation, notNull, default: value, checks }: PostgresSchema['domains'][number]): string {
  const parts = [collation && `COLLATE ${collation}`, value && `DEFAULT ${value}`, notNull && 'NOT NULL', ...checks.map((check) => `CONSTRAINT ${quoted(check.name)} ${check.definition}`)]
  return `CREATE DOMAIN ${quoted(name)} AS ${type} ${parts.filter(Boolean).join(' ')}`
}

function createTable(schema: PostgresSchema, { name, unlogged, options, columns }: PostgresSchema['tables'][number]): string {
  return `CREATE ${unlogged ? 'UNLOGGED ' : ''}TABLE ${quoted(name)} (${columns.map((c) => column(schema, name, c)).join(', ')})${withOptions(options)}`
}

function column(schema: PostgresSchema, table: string, { name, type, collation, notNull, default: value, identity, generated }: ColumnOf): string {
  const sequence = schema.sequences.find(({ owner }) => owner?.table === table && owner.column === name)
  const parts = [
    `${quoted(name)} ${type}`,
    collation && `COLLATE ${collation}`,
    generated ? `GENERATED ALWAYS AS (${value}) ${generated}` : value && `DEFAULT ${value}`,
    identity && `GENERATED ${identity} AS IDENTITY${sequence ? ` (SEQUENCE NAME ${quoted(sequence.name)} ${sequenceOptions(sequence)})` : ''}`,
    notNull && 'NOT NULL',
  ]
  return parts.filter(Boolean).join(' ')
}

function isIdentity(schema: PostgresSchema, { owner }: SequenceOf): boolean {
  return owner !== undefined && schema.tables.some(({ name, columns }) => name === owner.table && columns.some((c) => c.name === owner.column && c.identity !== undefined))
}

function sequenceOptions({ start, increment, min, max, cache, cycle }: SequenceOf): string {
  return `INCREMENT BY ${increment} MINVALUE ${min} MAXVALUE ${max} START WITH ${start} CACHE ${cache} ${cycle ? '' : 'NO '}CYCLE`
}

function withOptions(options: readonly string[]): string {
  return options.length === 0 ? '' : ` WITH (${options.join(', ')})`
}
