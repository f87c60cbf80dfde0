import type { Advisory } from '../../schemas/common.ts'
import type { Digest } from '../../schemas/digest.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import type { Notice, PluginState, Verdict } from '../ports.ts'
import { verdictOf } from './rows.ts'
import type { Reading } from './session.ts'

/** What stands of a plugin. In a transaction that writes: until its end. */
export async function stateOf(db: Reading, id: string): Promise<PluginState> {
  const plugin = await db.selectFrom('catalog_plugins').select(['entry', 'entry_digest']).where('id', '=', id).where('present', '=', 1).executeTakeFirst()
  const entry = plugin && (JSON.parse(plugin.entry) as RegistryEntry)
  return { entryDigest: plugin?.entry_digest as Digest | undefined, killed: entry?.killed?.reason, verdicts: await verdictsOf(db, id), notices: await noticesOf(db, id) }
}

/** Present verdicts of a plugin, all of them. */
export async function verdictsOf(db: Reading, id: string): Promise<readonly Verdict[]> {
  return (await db.selectFrom('catalog_versions').selectAll().where('id', '=', id).orderBy('version').execute()).map(verdictOf)
}

/** What maintainers said of versions of a plugin. */
export async function noticesOf(db: Reading, id: string): Promise<readonly Notice[]> {
  const rows = await db.selectFrom('catalog_notices').selectAll().where('id', '=', id).execute()
  return rows.map(({ version, yanked, advisories }) => ({ version, yanked: yanked ?? undefined, advisories: JSON.parse(advisories) as Advisory[] }))
}
