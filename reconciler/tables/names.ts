/*
 * The names that are a plugin's own (RECONCILER.md, "Applying"). Ids are words joined by single hyphens, so that the
 * first double underscore ends the id: `plg_loyalty__` and `plg_loyalty_points__` never contain each other.
 */

/** What every name of a plugin begins with in SQLite: `plg_loyalty_points__`. */
export function prefixOf(plugin: string): string {
  return `${schemaOf(plugin)}__`
}

/** The schema of a plugin in PostgreSQL: `plg_loyalty_points`. */
export function schemaOf(plugin: string): string {
  return `plg_${plugin.replaceAll('-', '_')}`
}

const OWNED = /^plg_([a-z][a-z0-9]*(?:_[a-z0-9]+)*)__([a-z0-9_]+)$/

/**
 * Whose a name in SQLite is: `plg_loyalty_points__accounts` belongs to `loyalty-points`. Undefined for names of no
 * plugin: another case, letters outside a-z, 0-9 and _, nothing after the prefix.
 */
export function ownerOf(name: string): string | undefined {
  return OWNED.exec(name)?.[1]?.replaceAll('_', '-')
}
