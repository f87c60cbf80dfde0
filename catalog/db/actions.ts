import type { Advisory } from '../../schemas/common.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { satisfies } from '../../schemas/versions.ts'
import type { Actor, CatalogActions, Verdict } from '../ports.ts'
import { withNotice } from '../ingest/notices.ts'
import { appendAudit } from './audit.ts'
import { verdictOf } from './rows.ts'
import type { Session, Writing } from './session.ts'
import { writeVerdict } from './write-verdict.ts'

/** How the names of workflows begin. */
const PUBLISHER = 'publisher:'

/** What people and publishers may set in motion: each in one transaction with its audit record. */
export function catalogActions(session: Session): CatalogActions {
  return {
    requestIngest: (id, actor) => session.write(async (db) => {
      await assertPlugin(db, id)
      await want(db, id, actor.at)
      await appendAudit(db, [{ ...actor, event: 'ingest.asked', subject: id, details: {} }])
    }),
    yank: (id, version, reason, actor) => session.write(async (db) => {
      const verdict = await listed(db, id, version)
      await assertMayYank(db, verdict, actor)
      await notice(db, verdict, { yanked: reason }, actor)
      await appendAudit(db, [{ ...actor, event: reason === undefined ? 'release.unyanked' : 'release.yanked', subject: `${id} ${version}`, details: reason === undefined ? {} : { reason } }])
    }),
    advise: (id, range, advisory, actor) => session.write((db) => advise(db, { id, range, advisory }, actor)),
    decide: (id, version, verdict, reason, actor) => session.write(async (db) => {
      const before = await present(db, id, version)
      const fits = verdict === 'withdrawn' ? before.verdict === 'listed' : before.verdict === 'in-review'
      if (!fits) throw new CatalystError('CONTRADICTION', `${id} ${version} is ${before.verdict}: only a listed release is withdrawn, and only one in review is rejected by a person`)
      if (verdict === 'withdrawn') await notice(db, before, { yanked: reason }, actor)
      const line = verdict === 'rejected' ? undefined : (await present(db, id, version)).line
      await writeVerdict(db, { ...before, verdict, line, decidedAt: actor.at, evidence: { ...before.evidence, by: `${actor.by}: ${reason}` } }, actor.by)
      await want(db, id, actor.at)
    }),
    closeAlarm: (number, actor) => session.write(async (db) => {
      const closed = await db.updateTable('catalog_alarms').set({ closed_at: actor.at }).where('number', '=', number).where('closed_at', 'is', null).returningAll().executeTakeFirst()
      if (!closed) throw new CatalystError('NOT_FOUND', `there is no open alarm ${number}`, { hint: 'List the open alarms.' })
      await appendAudit(db, [{ ...actor, event: 'alarm.closed', subject: closed.id, details: { number, kind: closed.kind } }])
    }),
  }
}

async function advise(db: Writing, { id, range, advisory }: { id: string; range: string; advisory: Advisory }, actor: Actor): Promise<readonly string[]> {
  await assertPlugin(db, id)
  const rows = await db.selectFrom('catalog_versions').selectAll().where('id', '=', id).where('verdict', 'in', ['listed', 'withdrawn']).execute()
  const hit = rows.map(verdictOf).filter(({ version }) => satisfies(version, range, true))
  if (hit.length === 0) throw new CatalystError('NO_VERSION', `no listed version of ${id} is in ${range}`, { hint: 'Look at the versions that are listed, and name a range that covers some of them.' })
  for (const verdict of hit) {
    await notice(db, verdict, { advisory }, actor)
    const withdraws = advisory.level === 'withdrawn' || advisory.level === 'malicious'
    if (withdraws && verdict.verdict === 'listed') {
      const { line } = await present(db, id, verdict.version)
      await writeVerdict(db, { ...verdict, line, verdict: 'withdrawn', decidedAt: actor.at, evidence: { ...verdict.evidence, by: `${actor.by}: ${advisory.level} ${advisory.id ?? ''}`.trim() } }, actor.by)
    }
  }
  const versions = hit.map(({ version }) => version)
  await appendAudit(db, [{ ...actor, event: 'advisory.added', subject: id, details: { range, versions, ...advisory } }])
  return versions
}

/** Writes what is said of a version beside it and into its line, and wants its plugin looked at, so that the bot brings it into git. */
async function notice(db: Writing, verdict: Verdict, said: { readonly yanked?: string | undefined; readonly advisory?: Advisory }, actor: Actor): Promise<void> {
  const { id, version } = verdict
  const before = await db.selectFrom('catalog_notices').selectAll().where('id', '=', id).where('version', '=', version).executeTakeFirst()
  const advisories = [...(JSON.parse(before?.advisories ?? '[]') as Advisory[]), ...(said.advisory ? [said.advisory] : [])]
  const yanked = 'yanked' in said ? (said.yanked ?? null) : (before?.yanked ?? null)
  const by = 'yanked' in said ? actor.by : (before?.yanked_by ?? null)
  const row = { yanked, yanked_by: yanked === null ? null : by, advisories: JSON.stringify(advisories) }
  await db.insertInto('catalog_notices').values({ id, version, ...row }).onConflict((c) => c.columns(['id', 'version']).doUpdateSet(row)).execute()
  const line = verdict.line && withNotice(verdict.line, { version, yanked: yanked ?? undefined, advisories })
  await writeVerdict(db, { ...verdict, line, decidedAt: actor.at }, actor.by)
  await want(db, id, actor.at)
}

async function listed(db: Writing, id: string, version: string): Promise<Verdict> {
  const verdict = await present(db, id, version)
  if (verdict.verdict !== 'listed') throw new CatalystError('NO_VERSION', `${id} ${version} is not listed but ${verdict.verdict}`, { hint: 'Only a listed version can be yanked.' })
  return verdict
}

/** A publisher neither takes away nor rewords what somebody else said of its version. @throws CatalystError CONTRADICTION */
async function assertMayYank(db: Writing, { id, version }: Verdict, { by }: Actor): Promise<void> {
  const before = await db.selectFrom('catalog_notices').select(['yanked', 'yanked_by']).where('id', '=', id).where('version', '=', version).executeTakeFirst()
  if (!by.startsWith(PUBLISHER) || !before || before.yanked === null || before.yanked_by?.startsWith(PUBLISHER)) return
  throw new CatalystError('CONTRADICTION', `${id} ${version} was yanked by ${before.yanked_by ?? 'the registry'}: a publisher changes only what a publisher yanked`, { hint: 'Ask a maintainer of the registry.' })
}

async function present(db: Writing, id: string, version: string): Promise<Verdict> {
  await assertPlugin(db, id)
  const row = await db.selectFrom('catalog_versions').selectAll().where('id', '=', id).where('version', '=', version).executeTakeFirst()
  if (!row) throw new CatalystError('NO_VERSION', `the registry knows no version ${version} of ${id}`, { hint: 'Look at the versions that it knows.' })
  return verdictOf(row)
}

async function assertPlugin(db: Writing, id: string): Promise<void> {
  const row = await db.selectFrom('catalog_plugins').select('id').where('id', '=', id).where('present', '=', 1).executeTakeFirst()
  if (!row) throw new CatalystError('UNKNOWN_PLUGIN', `${id} has no entry in this registry`, { hint: `Add entries/${id}.yaml to the registry’s repository.` })
}

/** Puts the repository of a plugin before its turn. */
async function want(db: Writing, id: string, at: string): Promise<void> {
  await db.updateTable('catalog_repositories').set((eb) => ({ wanted_since: eb.fn.coalesce('wanted_since', eb.val(at)), wants: eb('wants', '+', 1) }))
    .where('id', 'in', db.selectFrom('catalog_plugins').select('repository_id').where('id', '=', id)).execute()
}
