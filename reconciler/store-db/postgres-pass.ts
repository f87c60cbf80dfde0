import { sha256, hexOf } from '../../schemas/digest.ts'
import type { Migration } from '../data-ports.ts'
import type { Statement } from './fence-sql.ts'

/*
 * A plugin's SQL runs as the plugin's own role on its own connection, and our record of it belongs into the same
 * transaction. That role may read and write nothing of ours. It is lent one function and a pass: a secret for one plugin,
 * one role, one lease and one use, told to the database by the store before and used after the plugin's last statement.
 * The plugin's SQL does not know the secret, so it can record nothing; the function asserts the fencing token itself.
 */

const FUNCTIONS = 'catalyst.record_migration(text, text, text, text, text, text, text, text), catalyst.forget_migration(text, text, text)'

/** Issues the pass, as the store's role, in a transaction before. `secret` is random: at least 16 bytes, and used once. */
export function issuePassSql(pass: { readonly plugin: string; readonly role: string; readonly token: number; readonly secret: string }): readonly Statement[] {
  const issue = `INSERT INTO catalyst.passes (plugin, role, digest, token) VALUES ($1, $2, $3, $4)
    ON CONFLICT (plugin) DO UPDATE SET role = excluded.role, digest = excluded.digest, token = excluded.token`
  return [
    { sql: issue, params: [pass.plugin, pass.role, hexOf(sha256(pass.secret)), pass.token] },
    { sql: `GRANT USAGE ON SCHEMA catalyst TO ${quoted(pass.role)}`, params: [] },
    { sql: `GRANT EXECUTE ON FUNCTION ${FUNCTIONS} TO ${quoted(pass.role)}`, params: [] },
  ]
}

/** Takes the pass back, used or not, as the store's role; the role can then be dropped. */
export function withdrawPassSql(plugin: string, role: string): readonly Statement[] {
  return [
    { sql: 'DELETE FROM catalyst.passes WHERE plugin = $1', params: [plugin] },
    { sql: `REVOKE EXECUTE ON FUNCTION ${FUNCTIONS} FROM ${quoted(role)}`, params: [] },
    { sql: `REVOKE USAGE ON SCHEMA catalyst FROM ${quoted(role)}`, params: [] },
  ]
}

/** Asserts the fencing token, records the migration and raises the serial, as the plugin's role. SQLSTATE CT001: the lease was lost; CT002: no such pass. */
export function recordByPassSql(secret: string, plugin: string, migration: Migration, at: string): Statement {
  const { id, kind, checksum, up, down } = migration
  return { sql: 'SELECT catalyst.record_migration($1, $2, $3, $4, $5, $6, $7, $8)', params: [secret, plugin, id, kind, checksum, up, down ?? null, at] }
}

/** The same for a migration that was undone. */
export function forgetByPassSql(secret: string, plugin: string, id: string): Statement {
  return { sql: 'SELECT catalyst.forget_migration($1, $2, $3)', params: [secret, plugin, id] }
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`
}
