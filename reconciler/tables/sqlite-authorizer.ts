import { ownerOf } from './names.ts'
import { FUNCTIONS, TABLE_FUNCTIONS } from './sqlite-functions.ts'

/** What kind of statement runs: SQLite's own work on its schema is allowed for the ones that need it, and where no query of the plugin can stand. */
export type StatementKind = 'rows' | 'create' | 'drop' | 'alter'

const KINDS: readonly (readonly [RegExp, StatementKind])[] = [
  [/^(SELECT|WITH|VALUES|INSERT|REPLACE|UPDATE|DELETE)\b/, 'rows'],
  [/^CREATE (TABLE|VIEW|TRIGGER|INDEX|UNIQUE INDEX)\b/, 'create'],
  [/^DROP (TABLE|VIEW|TRIGGER|INDEX)\b/, 'drop'],
  [/^ALTER TABLE\b/, 'alter'],
]

/** The kind of a statement by its first words; undefined for all that no migration may say: PRAGMA, ATTACH, COMMIT, VACUUM… */
export function kindOf(words: readonly string[]): StatementKind | undefined {
  const text = words.join(' ')
  return KINDS.find(([pattern]) => pattern.test(text))?.[1]
}

const { SQLITE_OK: OK, SQLITE_DENY: DENY, ...C } = process.getBuiltinModule('node:sqlite').constants
const NAMES = new Map(Object.entries(C).map(([name, code]) => [code, name.slice('SQLITE_'.length)]))
const SCHEMA = new Set(['sqlite_master', 'sqlite_schema'])
/** What DROP and ALTER keep in step. */
const BOOKS = new Set(['sqlite_master', 'sqlite_schema', 'sqlite_sequence', 'sqlite_stat1', 'sqlite_stat4'])

/**
 * Says for every single thing that a statement would do whether it may: SQLite asks while it compiles, also for what
 * stands in views and triggers (https://www.sqlite.org/c3ref/set_authorizer.html). What is not known is denied.
 */
export class Confinement {
  readonly #plugin: string
  readonly #exists: (name: string) => boolean
  #kind: StatementKind = 'rows'
  #line = 1
  #refused: string | undefined
  /** CREATE has come to the end of what the plugin wrote: from here on SQLite enters it into the schema. */
  #entering = false
  /** Where what was made or changed last was made or changed, by name. */
  readonly lines = new Map<string, number>()

  /** @param exists whether a table or view has that name in lower case, whoever owns it */
  constructor(plugin: string, exists: (name: string) => boolean) {
    this.#plugin = plugin
    this.#exists = exists
  }

  /** A statement begins. */
  begin(kind: StatementKind, line: number): void {
    this.#kind = kind
    this.#line = line
    this.#refused = undefined
    this.#entering = false
  }

  /** What the last statement was refused for: `reads orders.total`. */
  get refused(): string | undefined {
    return this.#refused
  }

  /** For `setAuthorizer`. */
  readonly authorize = (code: number, a: string | null, b: string | null, db: string | null, inner: string | null): number => {
    // ALTER TABLE names the database first, and a column it drops where others name the database.
    const inMain = db === null || db === 'main' || code === C.SQLITE_ALTER_TABLE
    const allowed = inMain ? this.#allows(code, a ?? '', b ?? '', db) : this.#keepsTemporaryInStep(code, a, db)
    if (!allowed) this.#refused ??= describe(code, a ?? '', b ?? '', inner)
    return allowed ? OK : DENY
  }

  #allows(code: number, a: string, b: string, db: string | null): boolean {
    switch (code) {
      case C.SQLITE_SELECT:
      case C.SQLITE_RECURSIVE:
        return true
      case C.SQLITE_READ:
        return this.#own(a) || TABLE_FUNCTIONS.has(a) || this.#readsBooks(a, b) || (b === '' && db === null && this.#readsNoColumn(a))
      case C.SQLITE_INSERT:
        return this.#own(a) || (this.#kind === 'create' && SCHEMA.has(a))
      case C.SQLITE_UPDATE:
        return this.#own(a) || this.#writesBooks(a, b)
      case C.SQLITE_DELETE:
        return this.#own(a) || (this.#kind === 'drop' && BOOKS.has(a))
      case C.SQLITE_FUNCTION:
        return FUNCTIONS.has(b) || (this.#kind === 'alter' && b.startsWith('sqlite_'))
      default:
        return this.#defines(code, a, b)
    }
  }

  #defines(code: number, a: string, b: string): boolean {
    switch (code) {
      case C.SQLITE_CREATE_TABLE:
        return this.#kind === 'create' && (a === 'sqlite_sequence' || this.#makes(a))
      case C.SQLITE_CREATE_VIEW:
        return this.#kind === 'create' && this.#makes(a)
      case C.SQLITE_CREATE_INDEX:
        return this.#kind === 'create' && this.#own(b) && (a.startsWith(`sqlite_autoindex_${b}_`) || this.#makes(a))
      case C.SQLITE_CREATE_TRIGGER:
        return this.#kind === 'create' && this.#own(b) && this.#makes(a)
      case C.SQLITE_REINDEX:
        return this.#kind === 'create' && this.#own(a)
      case C.SQLITE_DROP_TABLE:
      case C.SQLITE_DROP_VIEW:
        return this.#kind === 'drop' && this.#own(a)
      case C.SQLITE_DROP_INDEX:
        return this.#kind === 'drop' && this.#own(b)
      case C.SQLITE_DROP_TRIGGER:
        return this.#kind === 'drop' && this.#own(a) && this.#own(b)
      case C.SQLITE_ALTER_TABLE:
        return this.#kind === 'alter' && a === 'main' && this.#makes(b)
      case C.SQLITE_PRAGMA: // ADD COLUMN with a CHECK looks whether it holds
        return this.#kind === 'alter' && a === 'quick_check' && this.#own(b)
      default:
        return false
    }
  }

  #own(name: string): boolean {
    return ownerOf(name) === this.#plugin
  }

  #makes(name: string): boolean {
    if (!this.#own(name)) return false
    this.lines.set(name, this.#line)
    return true
  }

  /** Of what no column is read SQLite tells the name as it was written, and does not say whether it is a table or a CTE. */
  #readsNoColumn(name: string): boolean {
    return this.#own(name.toLowerCase()) || !this.#exists(name.toLowerCase())
  }

  #readsBooks(table: string, column: string): boolean {
    if (this.#kind === 'create') return this.#entering && SCHEMA.has(table) && column === 'ROWID'
    if (this.#kind === 'drop') return BOOKS.has(table)
    return this.#kind === 'alter' && (BOOKS.has(table) || table === 'pragma_quick_check')
  }

  #writesBooks(table: string, column: string): boolean {
    if (this.#kind === 'rows' || !BOOKS.has(table)) return false
    if (this.#kind === 'create' && SCHEMA.has(table) && column === 'sql') this.#entering = true
    return this.#kind !== 'create' || SCHEMA.has(table)
  }

  /** ALTER looks through the temporary schema too, which is empty. */
  #keepsTemporaryInStep(code: number, a: string | null, db: string): boolean {
    const touches = code === C.SQLITE_READ || code === C.SQLITE_UPDATE
    return this.#kind === 'alter' && touches && db === 'temp' && a === 'sqlite_temp_master'
  }
}

/** In words, with what it was asked about: `writes rows of orders (in plg_loyalty__t)`. */
function describe(code: number, a: string, b: string, inner: string | null): string {
  const within = inner === null ? '' : ` (in ${inner})`
  switch (code) {
    case C.SQLITE_READ:
      return `reads ${a}${b === '' ? '' : `.${b}`}${within}`
    case C.SQLITE_INSERT:
    case C.SQLITE_UPDATE:
    case C.SQLITE_DELETE:
      return SCHEMA.has(a) ? `changes the schema${within}` : `writes rows of ${a}${within}`
    case C.SQLITE_FUNCTION:
      return `calls the function ${b}${within}`
    case C.SQLITE_CREATE_VTABLE:
      return `makes the virtual table ${a} with ${b}`
    case C.SQLITE_ALTER_TABLE:
      return `alters ${b}`
    default: {
      const [verb = '', ...what] = (NAMES.get(code) ?? `ACTION ${code}`).split('_')
      return `does ${[verb, ...what].join(' ')} ${[a, b].filter((name) => name !== '').join(' on ')}`.trimEnd()
    }
  }
}
