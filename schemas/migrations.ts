import { byCodeUnit, digestOf, sha256, type Digest } from './digest.ts'

/*
 * Migrations of a package: `migrations/<id>.sql` for both databases, or one file each in `migrations/sqlite/` and
 * `migrations/postgres/`; beside it `<id>.down.sql` where it can be undone. A first comment says what it does to code
 * that is live: `-- catalyst: expand | contract | breaking` (absent: breaking).
 */

export const MIGRATION_DIALECTS = ['sqlite', 'postgres'] as const
export type MigrationDialect = (typeof MIGRATION_DIALECTS)[number]

export const MIGRATION_KINDS = ['expand', 'contract', 'breaking'] as const
export type MigrationKind = (typeof MIGRATION_KINDS)[number]

/** A file of a migration. `dialect` is undefined where one file serves both databases. */
export interface MigrationFile {
  readonly path: string
  readonly id: string
  readonly dialect: MigrationDialect | undefined
  readonly down: boolean
}

const FILE = /^migrations\/(?:(sqlite|postgres)\/)?([^/]+?)(\.down)?\.sql$/

/** What a path inside a package says, or undefined when it names no file of a migration. */
export function migrationFile(path: string): MigrationFile | undefined {
  const match = FILE.exec(path)
  if (!match) return undefined
  return { path, dialect: match[1] as MigrationFile['dialect'], id: match[2] ?? '', down: match[3] !== undefined }
}

/** The file that undoes what the file `up` does. */
export function downPathOf(up: string): string {
  return up.replace(/\.sql$/, '.down.sql')
}

/**
 * The checksum of a migration as the lock keeps it: sha256 of the bytes of its file; of the RFC 8785 JSON
 * {dialect: sha256} where each database has its own. Files that undo are not part of it: the tree's digest covers them.
 */
export function migrationChecksum(ups: readonly { readonly dialect: MigrationDialect | undefined; readonly bytes: Uint8Array }[]): Digest {
  const [only] = ups
  if (ups.length === 1 && only && only.dialect === undefined) return sha256(only.bytes)
  const byDialect = ups.map(({ dialect = 'both', bytes }) => [dialect, sha256(bytes)] as const)
  return digestOf(Object.fromEntries(byDialect.toSorted(([a], [b]) => byCodeUnit(a, b))))
}

/** What the leading comment lines of a migration say. What is not understood is the worst: breaking, and `unknown` tells the word and where its line begins. */
export function migrationHead(text: string): { readonly kind: MigrationKind; readonly unknown?: { readonly word: string; readonly offset: number } } {
  let offset = 0
  for (const line of text.split('\n')) {
    if (!/^\s*(--.*)?$/.test(line)) break
    const word = /^\s*--\s*catalyst:\s*(\S*)\s*$/.exec(line)?.[1]
    const kind = MIGRATION_KINDS.find((k) => k === word)
    if (kind) return { kind }
    if (word !== undefined) return { kind: 'breaking', unknown: { word, offset } }
    offset += line.length + 1
  }
  return { kind: 'breaking' }
}
