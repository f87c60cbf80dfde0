import { canonicalJson } from '../../schemas/digest.ts'
import { compareVersions, isPrerelease } from '../../schemas/versions.ts'
import type { Verdict } from '../ports.ts'
import { appendAudit } from './audit.ts'
import { bodyOf, verdictOf } from './rows.ts'
import type { Writing } from './session.ts'

/** Writes one verdict with its history and audit; one that says what stands there already writes nothing. */
export async function writeVerdict(db: Writing, verdict: Verdict, by: string): Promise<void> {
  const { id, version, decidedAt } = verdict
  const before = await db.selectFrom('catalog_versions').selectAll().where('id', '=', id).where('version', '=', version).executeTakeFirst()
  const body = bodyOf(verdict)
  if (before && before.verdict === verdict.verdict && canonicalJson(JSON.parse(before.body)) === canonicalJson(JSON.parse(body))) return
  const { count } = await db.selectFrom('catalog_history').select(({ fn }) => fn.countAll<number>().as('count')).where('id', '=', id).where('version', '=', version).executeTakeFirstOrThrow()
  const { decision } = await db.insertInto('catalog_history').values({ id, version, sequence: Number(count) + 1, body: JSON.stringify(verdict) }).returning('decision').executeTakeFirstOrThrow()
  const row = { verdict: verdict.verdict, decided_at: decidedAt, decision, body }
  await db.insertInto('catalog_versions').values({ id, version, ...row }).onConflict((c) => c.columns(['id', 'version']).doUpdateSet(row)).execute()
  await db.updateTable('catalog_plugins').set({ latest: await latestOf(db, id), updated_at: decidedAt }).where('id', '=', id).execute()
  const codes = verdict.evidence.problems.map(({ code }) => code)
  await appendAudit(db, [{ at: decidedAt, by, event: `verdict.${verdict.verdict}`, subject: `${id} ${version}`, details: { before: before?.verdict ?? null, ...(codes.length > 0 ? { codes } : {}) } }])
}

/** The newest listed version that is not yanked; a prerelease only when there is nothing else. */
async function latestOf(db: Writing, id: string): Promise<string | null> {
  const rows = await db.selectFrom('catalog_versions').selectAll().where('id', '=', id).where('verdict', '=', 'listed').execute()
  const versions = rows.map(verdictOf).filter(({ line }) => line?.yanked === undefined).map(({ version }) => version).sort((a, b) => compareVersions(b, a))
  return versions.find((version) => !isPrerelease(version)) ?? versions[0] ?? null
}
