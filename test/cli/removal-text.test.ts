import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planMarkdown } from '../../cli/render/plan-markdown.ts'
import { renderPlan } from '../../cli/render/plan.ts'
import { renderDataRollback } from '../../cli/render/data-rollback.ts'
import { doneText } from '../../cli/render/removal.ts'
import { retainedText } from '../../cli/render/what-is-left.ts'
import { plan } from '../../reconciler/plan/decide.ts'
import { dataRollback } from '../../reconciler/plan/data-rollback.ts'
import type { ObservedState, PlanInput } from '../../reconciler/plan/observed.ts'
import { purgeDecision } from '../../reconciler/plan/purge.ts'
import { planUnknown } from '../../reconciler/plan/unknown-desired.ts'
import type { RetainedRecord } from '../../reconciler/ports.ts'
import type { PluginSet } from '../../schemas/plugin-set.ts'
import { AWAITING, backup, days, inventory, migration, policy, PURGED, QUARANTINED, removal, retained, withRetained } from '../builders/removals.ts'
import { block, desired, lockOf, NOW, observed, recordOf } from '../builders/store.ts'

/*
 * What an operator reads late in the evening: per state of a removed plugin one plan, kept as text. Read them when they
 * change: what stays, what goes and when, how to take it back, what to paste.
 */

const GOLDEN = join(import.meta.dirname, '../fixtures/removal-plans')
const plain = (_tone: string, text: string): string => text

const ID = 'old-loyalty'
const SHIPPING = block('shipping')
const LOYALTY = (odd: Parameters<typeof block>[2] = {}) => block(ID, '1.4.2', { migrations: [migration('0001_init')], tables: ['accounts', 'journal'], ...odd })

interface Scene {
  readonly plugins?: PluginSet['plugins']
  readonly set?: Partial<PluginSet>
  readonly blocks?: Parameters<typeof lockOf>[0]
  readonly installed?: readonly ReturnType<typeof block>[]
  readonly retained?: readonly RetainedRecord[]
  readonly looked?: Partial<ObservedState>
  readonly at?: string
  readonly answers?: PlanInput['answers']
}

function scene({ plugins = {}, set = {}, blocks = {}, installed = [], retained = [], looked = {}, at = days(1), answers }: Scene): PlanInput {
  const wish = desired({ shipping: {}, ...plugins }, set)
  const records = [recordOf('shipping', SHIPPING, wish), ...installed.map((b) => recordOf(b.repository.url.split('/').at(-1) ?? '', b))]
  return { desired: wish, lock: lockOf({ shipping: SHIPPING, ...blocks }), observed: { ...withRetained(observed(records), retained), ...looked }, now: at, answers }
}

const looked: Partial<ObservedState> = { inventories: new Map([[ID, inventory(ID)]]), dataFolders: new Map([[ID, { files: 3, bytes: 12_400 }]]) }
const tombstone = (decision: NonNullable<PluginSet['removed']>[string]): Partial<PluginSet> => ({ removed: { [`${ID}@1.4.2`]: decision } })
const asked = retained(ID, { removal: { policy: policy({ data: 'ask', tables: 'ask' }), classes: { config: removal().classes.config, data: AWAITING, tables: AWAITING }, inventory: inventory(ID), data: { files: 3, bytes: 12_400 } } })
const going = retained(ID, { removal: { policy: policy({ tables: 'remove' }), classes: { ...removal().classes, tables: QUARANTINED }, inventory: inventory(ID), backup: backup(ID, '1.4.2') } })

const scenes: Readonly<Record<string, Scene>> = {
  'removal by the default policy': { installed: [LOYALTY({ uninstall: policy({ data: 'ask', tables: 'ask' }) })], looked },
  'removal of a plugin that owns nothing': { installed: [LOYALTY({ uninstall: policy({ data: 'ask', tables: 'ask' }), migrations: [], tables: [] })], looked: { inventories: new Map([[ID, { ...inventory(ID), tables: [] }]]), dataFolders: new Map([[ID, { files: 0, bytes: 0 }]]) } },
  'removal where nobody looked': { installed: [LOYALTY({ uninstall: policy({ data: 'ask', tables: 'ask' }) })] },
  'removal that keeps everything': { installed: [LOYALTY({ uninstall: policy() })], looked },
  'removal that destroys after a grace': { installed: [LOYALTY({ uninstall: policy({ code: 'remove', data: 'remove', tables: 'remove' }) })], looked },
  'removal without a backup': { installed: [LOYALTY({ uninstall: policy({ backup: false, tables: 'remove' }) })], set: tombstone({ backup: false }), looked },
  'removal of tables that others need': { installed: [LOYALTY({ uninstall: policy({ tables: 'remove' }) })], looked: { ...looked, uses: new Map([[ID, [{ table: 'plg_old_loyalty__accounts', kind: 'view', by: 'report_customers' }]]]) } },
  'policy loosened': { plugins: { [ID]: {} }, blocks: { [ID]: LOYALTY({ uninstall: policy({ tables: 'remove' }) }) }, installed: [LOYALTY({ uninstall: policy({ tables: 'ask' }) })] },
  'a question that waits': { retained: [asked] },
  'a question answered in git': { retained: [asked], set: tombstone({ data: 'keep', tables: 'remove' }) },
  'a question answered at a terminal': { retained: [asked], answers: new Map([[ID, { tables: 'remove' }]]) },
  'a decision taken back': { retained: [going], set: tombstone({ tables: 'keep' }) },
  'a grace that runs': { retained: [going] },
  'a grace that ends': { retained: [going], at: days(8) },
  'a grace that ends while others need the tables': { retained: [going], at: days(8), looked: { uses: new Map([[ID, [{ table: 'plg_old_loyalty__accounts', kind: 'foreign key', by: 'orders.loyalty_account' }]]]) } },
  'a stale tombstone': { retained: [going], at: days(8), set: { removed: { [`${ID}@1.4.1`]: { tables: 'remove' } } } },
  'a tombstone with a slip of the pen': { retained: [asked], set: { removed: { 'old-loyality@1.4.2': { tables: 'remove' } } } },
  'comes back': { plugins: { [ID]: {} }, blocks: { [ID]: LOYALTY() }, retained: [going] },
  'comes back newer': { plugins: { [ID]: {} }, blocks: { [ID]: block(ID, '1.5.0', { migrations: [migration('0001_init'), migration('0002_tiers')], tables: ['accounts', 'journal'] }) }, retained: [asked] },
  'comes back and does not fit': { plugins: { [ID]: {} }, blocks: { [ID]: block(ID, '1.5.0', { migrations: [migration('0001_fresh')] }) }, retained: [asked] },
  'comes back after the purge': { plugins: { [ID]: {} }, blocks: { [ID]: LOYALTY() }, retained: [retained(ID, { removal: { classes: { config: PURGED, data: PURGED, tables: PURGED } } })] },
  'goes on under another id': { plugins: { points: {} }, set: { moved: [{ from: ID, to: 'points' }] }, blocks: { points: block('points', '1.5.0', { migrations: [migration('0001_init', 'expand', { checksum: `sha256:${'9'.repeat(64)}` })], repository: LOYALTY().repository }) }, installed: [LOYALTY()], looked },
  'cannot go on under another id': { plugins: { points: {} }, set: { moved: [{ from: ID, to: 'points' }] }, blocks: { points: block('points') }, installed: [LOYALTY(), block('points')] },
  'upgrade that touches tables': { plugins: { [ID]: {} }, set: { approvals: [{ plugin: ID, to: NEXT().entryDigest, accept: ['breaking', 'irreversible'] }] }, blocks: { [ID]: NEXT() }, installed: [LOYALTY()], looked },
}

function NEXT() {
  return block(ID, '1.6.0', { migrations: [migration('0001_init'), migration('0002_tiers'), migration('0003_rename', 'breaking'), migration('0004_drop', 'contract', { down: false })], tables: ['accounts', 'journal'] })
}

describe('plans as people read them', () => {
  test.each(Object.entries(scenes))('%s', async (name, of) => {
    await expect(`${renderPlan(plan(scene(of)), plain).replace(/^Digest: .*$/m, '')}\n`).toMatchFileSnapshot(join(GOLDEN, `${name.replaceAll(' ', '-')}.txt`))
  })

  test('a purge by name, and one that the policy does not let', async () => {
    const answer = purgeDecision(ID, scene({ retained: [asked] }))
    if (!('change' in answer)) throw new Error('expected a change')
    const decided = { ...plan(scene({ retained: [] })), changes: [answer.change] }
    const refused = purgeDecision(ID, scene({ retained: [retained(ID)] }))
    const both = [renderPlan(decided, plain), renderPlan({ ...decided, changes: [], blocked: 'blocked' in refused ? [refused.blocked] : [] }, plain)]
    await expect(`${both.join('\n\n').replace(/^Digest: .*\n?/gm, '')}\n`).toMatchFileSnapshot(join(GOLDEN, 'purge-by-name.txt'))
  })

  test('nobody can tell what is wanted', async () => {
    const why = { code: 'YAML_SYNTAX', message: 'plugins.yaml:12:3 is not YAML', hint: 'Correct the YAML at the place named.' } as const
    await expect(`${renderPlan(planUnknown('acme-eu', why, scene({}).observed), plain)}\n`).toMatchFileSnapshot(join(GOLDEN, 'desired-unknown.txt'))
  })

  test('a removal in a pull request', async () => {
    const decided = plan(scene(scenes['removal that destroys after a grace'] ?? {}))
    await expect(`${planMarkdown(decided).replace(/Digest: .*$/m, '')}\n`).toMatchFileSnapshot(join(GOLDEN, 'removal-in-a-pull-request.md'))
  })

  test('what apply says that it did', async () => {
    const told = Object.entries(scenes).flatMap(([name, of]) => plan(scene(of)).changes.map((change) => `${name}: ${doneText(change) ?? '-'}`))
    await expect(`${told.join('\n')}\n`).toMatchFileSnapshot(join(GOLDEN, 'what-apply-did.txt'))
  })

  test('what status says of removed plugins', async () => {
    const purged = retained(ID, { removal: { classes: { config: PURGED, data: PURGED, tables: PURGED } } })
    const { removal: _none, ...old } = retained('older')
    const lines = [asked, going, purged, old].map((record) => retainedText(record))
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(join(GOLDEN, 'status-of-removed.txt'))
  })

  test('what a rollback does to data', async () => {
    const to = LOYALTY()
    const holdings = { tables: { count: 2, rows: 14_000, bytes: 1_300_000 } }
    const of = (last: ReturnType<typeof migration>, more: object = {}) => dataRollback({ id: ID, from: NEXT(), to, ran: [migration('0001_init'), last], backups: [], holdings, approvals: [], ...more })
    const restore = { backups: [backup(ID, '1.4.2')] }
    const consent = { approvals: [{ plugin: ID, to: to.entryDigest, accept: ['restore' as const] }] }
    const decisions = [of(migration('0002_tiers')), of(migration('0002_rename', 'breaking')), of(migration('0002_drop', 'contract', { down: false }), restore), of(migration('0002_drop', 'contract', { down: false }), { ...restore, ...consent }), of(migration('0002_drop', 'contract', { down: false }))]
    await expect(`${renderDataRollback(decisions, plain).replaceAll(to.entryDigest, 'sha256:…')}\n`).toMatchFileSnapshot(join(GOLDEN, 'rollback.txt'))
  })
})

test('every plan of these is the same when nothing but the time of day was looked at twice', () => {
  for (const of of Object.values(scenes)) expect(plan(scene(of))).toEqual(plan(scene(of)))
  expect(NOW).toBe(days(0).replace('.000', ''))
})
