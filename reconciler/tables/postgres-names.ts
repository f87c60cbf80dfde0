import { schemaOf } from './names.ts'

/*
 * The names of a plugin in PostgreSQL. Schemas belong to a database, roles to the whole server, on which several stores
 * may live: a role's name ends in the number of its database. An id never holds two hyphens together, so that `__` and
 * what follows it can be no other plugin's; with 40 characters for the id all names fit into the 63 that a name may have.
 */

/** Where a plugin's schema is while its tables are out of the way. */
export function quarantineOf(plugin: string): string {
  return `${schemaOf(plugin)}__quarantined`
}

/** The role that owns a plugin's tables: `plg_loyalty_points_16385`. `database` is the database's oid. */
export function roleOf(plugin: string, database: string): string {
  return `${schemaOf(plugin)}_${database}`
}

/** An identifier in double quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text in single quotes, for statements that take no parameters. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
