import { canonicalJson, type Digest } from '../../schemas/digest.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import type { AlarmKind, CatalogWriter } from '../ports.ts'
import { appendAudit } from './audit.ts'
import { alarmOf } from './rows.ts'
import type { Session, Writing } from './session.ts'
import { stateOf } from './plugin-state.ts'
import { writeVerdict } from './write-verdict.ts'

/** What ingest writes: each call is one transaction. */
export function catalogWriter(session: Session): CatalogWriter {
  return {
    projectEntries: (entries, killed, at, unreadable = []) => session.write((db) => projectEntries(db, entries, { killed: new Set(killed), unreadable: new Set(unreadable) }, at)),
    judge: (id, by, decide) => session.write(async (db) => {
      const verdicts = decide(await stateOf(db, id))
      for (const verdict of verdicts) await writeVerdict(db, verdict, by)
      return verdicts
    }),
    adopt: (verdicts) => session.write(async (db) => {
      for (const verdict of verdicts) {
        const { id, version, line } = verdict
        const said = { yanked: line?.yanked?.reason ?? null, yanked_by: null, advisories: JSON.stringify(line?.advisories ?? []) }
        await db.insertInto('catalog_notices').values({ id, version, ...said }).onConflict((c) => c.columns(['id', 'version']).doNothing()).execute()
        await writeVerdict(db, verdict, 'git')
      }
    }),
    raise: (alarms, at) => session.write(async (db) => {
      const rows = alarms.map(({ kind, id, version, message }) => ({ kind, id, version: version ?? '', message, raised_at: at, closed_at: null }))
      if (rows.length === 0) return []
      const raised = await db.insertInto('catalog_alarms').values(rows).onConflict((c) => c.columns(['kind', 'id', 'version']).where('closed_at', 'is', null).doNothing()).returningAll().execute()
      return raised.map(alarmOf)
    }),
    settle: (id, kinds, still, at) => session.write(async (db) => {
      const open = await db.selectFrom('catalog_alarms').selectAll().where('id', '=', id).where('closed_at', 'is', null).where('kind', 'in', kinds as AlarmKind[]).execute()
      const over = open.filter((alarm) => !still.some(({ kind, version }) => kind === alarm.kind && (version ?? '') === alarm.version))
      if (over.length > 0) await db.updateTable('catalog_alarms').set({ closed_at: at }).where('number', 'in', over.map(({ number }) => number)).execute()
    }),
    saveProposals: (proposals) => session.write(async (db) => {
      for (const { foundAt, ...body } of proposals) {
        const text = canonicalJson(body)
        await db.insertInto('catalog_proposals').values({ repository_id: body.repository.id, found_at: foundAt, body: text }).onConflict((c) => c.column('repository_id').doUpdateSet({ body: text })).execute()
      }
    }),
  }
}

/** In the place of a digest: of no entry. */
const UNREADABLE = ''

interface Projected {
  readonly entry: RegistryEntry
  readonly digest: Digest
}

/** Only what differs is written, so that a pass over 100,000 unchanged entries writes nothing. */
async function projectEntries(db: Writing, entries: readonly Projected[], { killed, unreadable }: { readonly killed: ReadonlySet<string>; readonly unreadable: ReadonlySet<string> }, at: string): Promise<number> {
  const known = new Map((await db.selectFrom('catalog_plugins').select(['id', 'entry_digest', 'status', 'present']).execute()).map((row) => [row.id, row]))
  let changed = 0
  for (const { entry, digest } of entries) {
    const before = known.get(entry.id)
    known.delete(entry.id)
    const status = killed.has(entry.id) ? 'killed' : 'active'
    if (before?.entry_digest === digest && before.status === status && before.present === 1) continue
    await writeEntry(db, { entry, digest }, status, at)
    changed += 1
  }
  for (const { id, present, entry_digest: digest } of known.values()) {
    if (present === 0) continue
    if (unreadable.has(id)) {
      if (digest !== UNREADABLE) await markUnreadable(db, id, at)
      continue
    }
    await db.updateTable('catalog_plugins').set({ present: 0, updated_at: at }).where('id', '=', id).execute()
    await db.deleteFrom('catalog_sources').where('id', '=', id).execute()
    await appendAudit(db, [{ at, by: 'git', event: 'entry.removed', subject: id, details: {} }])
    changed += 1
  }
  return changed
}

/** Its plugin stays as it was; once it can be read it is another entry than this, so that all that waited for it is done. */
async function markUnreadable(db: Writing, id: string, at: string): Promise<void> {
  await db.updateTable('catalog_plugins').set({ entry_digest: UNREADABLE }).where('id', '=', id).execute()
  await appendAudit(db, [{ at, by: 'git', event: 'entry.unreadable', subject: id, details: {} }])
}

async function writeEntry(db: Writing, { entry, digest }: Projected, status: string, at: string): Promise<void> {
  const { id, tier, publisher, categories = [], repositories } = entry
  const now = repositories.find(({ until }) => until === undefined) ?? repositories[0]
  const row = { tier, publisher, status, present: 1, entry: canonicalJson(entry), entry_digest: digest, repository_id: now?.id ?? 0, updated_at: at }
  await db.insertInto('catalog_plugins').values({ id, latest: null, since: at, ...row }).onConflict((c) => c.column('id').doUpdateSet(row)).execute()
  await db.deleteFrom('catalog_categories').where('id', '=', id).execute()
  if (categories.length > 0) await db.insertInto('catalog_categories').values([...new Set(categories)].map((category) => ({ category, id }))).execute()
  await db.deleteFrom('catalog_sources').where('id', '=', id).execute()
  for (const repository of new Map(repositories.map((r) => [r.id, r])).values()) {
    await db.insertInto('catalog_sources').values({ repository_id: repository.id, id }).execute()
    const name = new URL(repository.url).pathname.slice(1)
    await db.insertInto('catalog_repositories').values({ id: repository.id, owner_id: repository.ownerId, name, state: 'unknown', wanted_since: at, wants: 1 })
      .onConflict((c) => c.column('id').doUpdateSet((eb) => ({ wanted_since: eb.fn.coalesce('catalog_repositories.wanted_since', eb.val(at)), wants: eb('catalog_repositories.wants', '+', 1) }))).execute()
    await db.deleteFrom('catalog_proposals').where('repository_id', '=', repository.id).execute()
  }
  await appendAudit(db, [{ at, by: 'git', event: 'entry.changed', subject: id, details: { digest } }])
}
