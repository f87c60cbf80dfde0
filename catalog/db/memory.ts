import { CatalystError } from '../../schemas/errors.ts'
import type { IngestMemory } from '../ports.ts'
import { noticesOf, verdictsOf } from './plugin-state.ts'
import { pluginRows } from './reader.ts'
import { pluginOf, repositoryOf } from './rows.ts'
import type { Reading, Session } from './session.ts'

/** Where sweeps stand and what was answered. */
export function ingestMemory(session: Session): IngestMemory {
  return {
    wanted: (limit, checkedBefore) => session.read(async (db) => {
      const rows = await used(db).where('wanted_since', 'is not', null).where((eb) => eb.or([eb('checked_at', 'is', null), eb('checked_at', '<', checkedBefore)])).orderBy('wanted_since').orderBy('id').limit(limit).execute()
      return rows.map(repositoryOf)
    }),
    due: (limit, checkedBefore) => session.read(async (db) => {
      const fresh = await used(db).where('checked_at', 'is', null).orderBy('id').limit(limit).execute()
      if (fresh.length > 0) return fresh.map(repositoryOf)
      return (await used(db).where('checked_at', '<', checkedBefore).orderBy('checked_at').orderBy('id').limit(limit).execute()).map(repositoryOf)
    }),
    repository: (id) => session.read(async (db) => {
      const row = await db.selectFrom('catalog_repositories').selectAll().where('id', '=', id).executeTakeFirst()
      return row && repositoryOf(row)
    }),
    saveRepository: ({ id, ownerId, name, state, checkedAt, releasesEtag, trouble, wants }) => session.write(async (db) => {
      const row = { owner_id: ownerId, name, state, checked_at: checkedAt ?? null, releases_etag: releasesEtag ?? null, trouble: trouble ?? null }
      await db.updateTable('catalog_repositories').set(row).where('id', '=', id).execute()
      await db.updateTable('catalog_repositories').set({ wanted_since: null }).where('id', '=', id).where('wants', '=', wants).execute()
    }),
    saveUnchanged: (repositories, at) => session.write(async (db) => {
      for (const { id, wants } of repositories) {
        await db.updateTable('catalog_repositories').set((eb) => ({ checked_at: at, trouble: null, wanted_since: eb.case().when('wants', '=', wants).then(null).else(eb.ref('wanted_since')).end() })).where('id', '=', id).execute()
      }
    }),
    requeueTroubled: (at) => session.write(async (db) => {
      await db.updateTable('catalog_repositories').set((eb) => ({ wanted_since: eb.fn.coalesce('wanted_since', eb.val(at)), wants: eb('wants', '+', 1) })).where('trouble', 'is not', null).execute()
    }),
    wantPlugins: (ids, at) => session.write(async (db) => {
      const found = await db.selectFrom('catalog_plugins').select(['id', 'repository_id']).where('present', '=', 1).where('id', 'in', [...ids, '']).execute()
      const unknown = ids.filter((id) => !found.some((row) => row.id === id))
      if (unknown.length > 0) throw new CatalystError('UNKNOWN_PLUGIN', `no entry in this registry for ${unknown.join(', ')}`, { hint: `Add entries/${unknown[0]}.yaml and have it merged.` })
      const repositories = db.selectFrom('catalog_sources').select('repository_id').where('id', 'in', [...ids, ''])
      await db.updateTable('catalog_repositories').set((eb) => ({ wanted_since: eb.fn.coalesce('wanted_since', eb.val(at)), wants: eb('wants', '+', 1) })).where('id', 'in', repositories).execute()
    }),
    changedSince: (at) => session.read(async (db) => (await db.selectFrom('catalog_plugins').select('id').where('present', '=', 1).where('updated_at', '>=', at).orderBy('id').execute()).map(({ id }) => id)),
    pluginsOf: (repositoryId) => session.read(async (db) => {
      const rows = await pluginRows(db).innerJoin('catalog_sources as s', 's.id', 'p.id').where('s.repository_id', '=', repositoryId).orderBy('p.id').execute()
      return rows.map(pluginOf)
    }),
    verdictsOf: (id) => session.read((db) => verdictsOf(db, id)),
    noticesOf: (id) => session.read((db) => noticesOf(db, id)),
    note: (name) => session.read(async (db) => (await db.selectFrom('catalog_notes').select('value').where('name', '=', name).executeTakeFirst())?.value),
    writeNote: (name, value) => session.write(async (db) => {
      if (value === undefined) await db.deleteFrom('catalog_notes').where('name', '=', name).execute()
      else await db.insertInto('catalog_notes').values({ name, value }).onConflict((c) => c.column('name').doUpdateSet({ value })).execute()
    }),
  }
}

/** Repositories that an entry names. */
function used(db: Reading) {
  return db.selectFrom('catalog_repositories').selectAll().where(({ exists, selectFrom }) => exists(selectFrom('catalog_sources as s').select('s.id').whereRef('s.repository_id', '=', 'catalog_repositories.id')))
}
