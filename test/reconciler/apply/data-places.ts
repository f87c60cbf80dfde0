import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { removeWhole } from '../../../reconciler/state/trees.ts'
import { newDatabase } from '../../postgres-server.ts'
import type { Place } from './data-world.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

/** The child that runs plugins' SQL on SQLite, as users have it. */
export function bundledChild(): string {
  return join(ROOT, 'dist/sqlite-child.cjs')
}

/** A place that is taken away again. */
export interface OwnPlace extends Place {
  remove(): Promise<void>
}

/** A new folder with a new database. */
export async function newPlace(dialect: Place['dialect']): Promise<OwnPlace> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-data-'))
  if (dialect === 'sqlite') return { folder, dialect, child: bundledChild(), remove: async () => void removeWhole(folder) }
  const database = await newDatabase()
  return {
    folder,
    dialect,
    url: database.url,
    async remove() {
      await database.drop()
      removeWhole(folder)
    },
  }
}
