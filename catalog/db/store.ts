import type { CatalogStore } from '../ports.ts'
import { catalogActions } from './actions.ts'
import { Cursors } from './cursors.ts'
import { webhookIntake } from './intake.ts'
import { ingestMemory } from './memory.ts'
import { openDatabase } from './open.ts'
import { catalogReader } from './reader.ts'
import { Session } from './session.ts'
import { catalogWriter } from './writer.ts'

/**
 * Opens the catalog at `sqlite:PATH` or `postgres://…`. In SQLite one process has one of these: its connection is busy
 * while a statement runs. @throws CatalystError STATE_UNAVAILABLE, STATE_INVALID
 */
export async function openCatalog(url: string): Promise<CatalogStore> {
  const database = await openDatabase(url)
  const { value } = await database.db.selectFrom('catalog_notes').select('value').where('name', '=', 'cursor-key').executeTakeFirstOrThrow()
  const session = new Session(database, new Cursors(value))
  return { ...catalogReader(session), ...catalogWriter(session), ...catalogActions(session), ...webhookIntake(session), ...ingestMemory(session), close: () => session.close() }
}
