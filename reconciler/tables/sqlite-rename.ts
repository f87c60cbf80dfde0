import { CatalystError } from '../../schemas/errors.ts'
import type { Migration } from '../data-ports.ts'
import { recordOwnedSql, renamePluginSql } from '../store-db/fence-sql.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { prefixOf } from './names.ts'
import { recordDefinition } from './sqlite-definition.ts'
import { runOwn } from './sqlite-records.ts'
import { ownedOf, ownerOfObject, quoted, readSchema, type SchemaObject } from './sqlite-schema.ts'

/**
 * Gives everything of one plugin the names of another, in a transaction of the caller. SQLite rewrites foreign keys, views and
 * triggers when a table is renamed; what cannot be renamed (indexes, views, triggers) is made anew from its own text.
 * @throws CatalystError CONTRADICTION when the other id owns something already
 */
export function renameOwned(db: Connection, from: string, to: string, migrations: readonly Migration[]): void {
  const schema = readSchema(db)
  const taken = schema.find((object) => ownerOfObject(object) === to)
  if (taken) throw new CatalystError('CONTRADICTION', `${to} has a ${taken.type} ${taken.name} of its own, so that ${from} cannot become ${to}`)
  const renamed = (text: string): string => text.replaceAll(prefixOf(from), prefixOf(to))
  const owned = schema.filter((object) => ownerOfObject(object) === from && object.sql !== null)
  for (const { name } of owned.filter(isTable)) db.exec(`ALTER TABLE ${quoted(name)} RENAME TO ${quoted(renamed(name))}`)
  // Read again: their texts name the tables as they are called now.
  const others = readSchema(db).filter((object) => !isTable(object) && object.sql !== null && owned.some((o) => o.type === object.type && o.name === object.name))
  for (const { type, name } of others) db.exec(`DROP ${type} IF EXISTS ${quoted(name)}`)
  for (const { sql } of others.toSorted((a, b) => ORDER.indexOf(a.type) - ORDER.indexOf(b.type))) db.exec(renamed(sql ?? ''))
  runOwn(db, [...renamePluginSql('sqlite', from, to, migrations), ...recordOwnedSql('sqlite', from, []), ...recordOwnedSql('sqlite', to, ownedOf(readSchema(db), to))])
  for (const plugin of [from, to]) recordDefinition(db, plugin)
}

const ORDER: readonly SchemaObject['type'][] = ['table', 'index', 'view', 'trigger']

function isTable({ type }: SchemaObject): boolean {
  return type === 'table'
}
