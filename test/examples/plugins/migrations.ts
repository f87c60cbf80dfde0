import type { DatabaseSync } from 'node:sqlite'
import type { OpenRelease } from './open.ts'

/** Runs a release's migrations from `after` on, as SQLite: each file in one transaction. */
export function migrateUp(database: DatabaseSync, { manifest, text }: OpenRelease, after = 0): void {
  for (const id of (manifest.migrations ?? []).slice(after)) inTransaction(database, text(`migrations/sqlite/${id}.sql`))
}

/** Takes a release's migrations back, newest first, until `keep` are left. */
export function migrateDown(database: DatabaseSync, { manifest, text }: OpenRelease, keep = 0): void {
  for (const id of (manifest.migrations ?? []).slice(keep).reverse()) inTransaction(database, text(`migrations/sqlite/${id}.down.sql`))
}

/** Everything in the database whose name begins with `prefix`: its definition by name, for comparing. */
export function schemaOf(database: DatabaseSync, prefix: string): Record<string, string> {
  const rows = database.prepare(`SELECT name, sql FROM sqlite_schema WHERE name LIKE ? ORDER BY name`).all(`${prefix}%`)
  return Object.fromEntries(rows.map(({ name, sql }) => [String(name), String(sql).replaceAll(/\s+/g, ' ')]))
}

function inTransaction(database: DatabaseSync, sql: string): void {
  database.exec(`BEGIN;\n${sql}\nCOMMIT;`)
}
