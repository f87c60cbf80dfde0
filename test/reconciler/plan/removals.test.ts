import { describe, expect, test } from 'vitest'
import type { PluginSet } from '../../../schemas/plugin-set.ts'
import type { Plan } from '../../../schemas/plan.ts'
import { CatalystError } from '../../../schemas/errors.ts'
import { fateOf, type ClassQuestion } from '../../../reconciler/plan/class-steps.ts'
import { plan } from '../../../reconciler/plan/decide.ts'
import type { ObservedState, PlanInput } from '../../../reconciler/plan/observed.ts'
import { mostConservative, policyInForce } from '../../../reconciler/plan/policy.ts'
import { purgeDecision } from '../../../reconciler/plan/purge.ts'
import type { InstallRecord, RetainedRecord } from '../../../reconciler/ports.ts'
import type { LockBlock } from '../../../schemas/lock.ts'
import { AWAITING, backup, days, inventory, migration, policy, PURGED, QUARANTINED, RETAINED, retained, withRetained } from '../../builders/removals.ts'
import { block, desired, lockOf, NOW, observed, recordOf } from '../../builders/store.ts'

interface Scene {
  readonly plugins?: PluginSet['plugins']
  readonly set?: Partial<PluginSet>
  readonly blocks?: Readonly<Record<string, LockBlock>>
  readonly gone?: Readonly<Record<string, LockBlock>>
  readonly records?: readonly InstallRecord[]
  readonly retained?: readonly RetainedRecord[]
  readonly looked?: Partial<ObservedState>
  readonly now?: string | undefined
  readonly answers?: PlanInput['answers']
}

/** A store that holds `anchor`, so that it is never emptied, and what the scene says. */
function scene({ plugins = {}, set = {}, blocks = {}, gone, records = [], retained = [], looked = {}, now = days(1), answers }: Scene): PlanInput {
  const wish = desired({ anchor: {}, ...plugins }, set)
  const state = withRetained(observed([recordOf('anchor', block('anchor'), wish), ...records]), retained)
  return { desired: wish, lock: lockOf({ anchor: block('anchor'), ...blocks }, gone ? { removed: { ...gone } } : {}), observed: { ...state, ...looked }, now, answers }
}

const brief = (decided: Plan) => decided.changes.map((c) => [c.action, c.id, (c.steps ?? []).map((s) => ('class' in s ? `${s.do} ${s.class}` : s.do)).join(', ')])
const blockedBy = (decided: Plan) => decided.blocked.map((b) => [b.id, b.code])
const leaving = (odd: Parameters<typeof policy>[0]) => recordOf('x', block('x', '1.4.2', { uninstall: policy(odd) }))

describe('the policy in force', () => {
  test('of two policies the more careful one, field by field', () => {
    const a = policy({ code: 'remove', config: 'remove', data: 'ask', tables: 'remove', backup: false, grace: '1d' })
    const b = policy({ code: 'remove', config: 'ask', data: 'keep', tables: 'remove', backup: true, grace: '12h' })
    expect(mostConservative(a, b)).toEqual({ code: 'remove', config: 'ask', data: 'keep', tables: 'remove', backup: true, grace: '1d' })
    expect(mostConservative(b, a)).toEqual(mostConservative(a, b))
  })

  test('a tombstone has the last word; an answer settles what is asked and nothing else', () => {
    const sealed = policy({ data: 'ask', tables: 'ask' })
    expect(policyInForce(sealed, { answers: { config: 'remove', data: 'remove', tables: 'remove' }, tombstone: { tables: 'keep', grace: '1d' } })).toEqual(policy({ data: 'remove', grace: '1d' }))
  })
})

describe('one class', () => {
  const question = (odd: Partial<ClassQuestion>): ClassQuestion => ({ class: 'tables', wish: 'remove', grace: '7d', state: undefined, now: NOW, empty: false, inUse: false, ...odd })
  const cases: readonly (readonly [string, Partial<ClassQuestion>, string, readonly string[]])[] = [
    ['installed, keep', { wish: 'keep' }, 'retained', ['retain']],
    ['installed, ask', { wish: 'ask' }, 'awaiting', ['ask']],
    ['installed, remove', {}, 'quarantined', ['quarantine']],
    ['installed, remove, no grace', { grace: '0s' }, 'purged', ['purge']],
    ['installed, remove, no grace, in use', { grace: '0s', inUse: true }, 'quarantined', ['quarantine']],
    ['installed, remove, nobody says the time', { grace: '0s', now: undefined }, 'quarantined', ['quarantine']],
    ['retained, keep', { state: RETAINED, wish: 'keep' }, 'retained', []],
    ['awaiting, ask', { state: AWAITING, wish: 'ask' }, 'awaiting', []],
    ['awaiting, ask, nothing there', { state: AWAITING, wish: 'ask', empty: true }, 'retained', ['retain']],
    ['awaiting, keep', { state: AWAITING, wish: 'keep' }, 'retained', ['retain']],
    ['awaiting, remove', { state: AWAITING }, 'quarantined', ['quarantine']],
    ['retained, remove', { state: RETAINED }, 'quarantined', ['quarantine']],
    ['quarantined, in its grace', { state: QUARANTINED, now: days(6.9) }, 'quarantined', []],
    ['quarantined, grace over', { state: QUARANTINED, now: days(7) }, 'purged', ['purge']],
    ['quarantined, grace over, in use', { state: QUARANTINED, now: days(7), inUse: true }, 'quarantined', []],
    ['quarantined, longer grace', { state: QUARANTINED, grace: '30d' }, 'quarantined', ['quarantine']],
    ['quarantined, shorter grace that is over', { state: QUARANTINED, grace: '1d', now: days(2) }, 'purged', ['purge']],
    ['quarantined, the clock went back', { state: QUARANTINED, now: days(-30) }, 'quarantined', []],
    ['quarantined, keep', { state: QUARANTINED, wish: 'keep' }, 'retained', ['return', 'retain']],
    ['quarantined, ask', { state: QUARANTINED, wish: 'ask' }, 'awaiting', ['return', 'ask']],
    ['purged, keep', { state: PURGED, wish: 'keep' }, 'purged', []],
    ['purged, remove', { state: PURGED }, 'purged', []],
  ]
  test.each(cases)('%s', (_name, odd, becomes, steps) => {
    const fate = fateOf(question(odd))
    expect([fate.becomes, fate.steps.map((s) => s.do)]).toEqual([becomes, steps])
  })
})

describe('an entry leaves plugins.yaml', () => {
  test('switched off, backed up, code, then what destroys last', () => {
    expect(brief(plan(scene({ records: [leaving({ config: 'remove', data: 'ask', tables: 'remove', grace: '0s' })] })))).toEqual([['remove', 'x', 'deactivate, backup, code, ask data, purge config, purge tables']])
  })

  test('editing the policy and deleting the entry in one commit uses the old one', () => {
    const loose = block('x', '1.4.2', { uninstall: policy({ tables: 'remove', backup: false, grace: '0s' }) })
    const [change] = plan(scene({ records: [leaving({})], gone: { x: loose } })).changes
    expect(change?.sealed).toEqual(policy())
  })

  test('a more careful policy in the same commit counts', () => {
    const careful = block('x', '1.4.2', { uninstall: policy({ grace: '30d' }) })
    const [change] = plan(scene({ records: [leaving({ tables: 'remove' })], gone: { x: careful } })).changes
    expect(change?.sealed).toEqual(policy({ grace: '30d' }))
  })

  test('loosening takes a tombstone that names the version', () => {
    const loosened = plan(scene({ records: [leaving({})], set: { removed: { 'x@1.4.2': { tables: 'remove' } } } }))
    expect(loosened.changes[0]?.effects).toMatchObject({ destroys: ['tables'], uninstall: { tables: 'remove' } })
    expect(loosened.changes[0]?.sealed?.tables).toBe('keep')
    const stale = plan(scene({ records: [leaving({})], set: { removed: { 'x@1.4.1': { tables: 'remove' } } } }))
    expect([brief(stale), blockedBy(stale)]).toEqual([[], [['x', 'TOMBSTONE_STALE']]])
    expect(stale.blocked[0]?.hint).toContain('x@1.4.2')
  })

  test('a policy alone cannot destroy without a backup', () => {
    const risky = { tables: 'remove', backup: false } as const
    expect(brief(plan(scene({ records: [leaving(risky)] })))[0]?.[2]).toContain('backup')
    expect(brief(plan(scene({ records: [leaving(risky)], set: { removed: { 'x@1.4.2': { backup: false } } } })))[0]?.[2]).not.toContain('backup')
    expect(brief(plan(scene({ records: [leaving({ backup: false })] })))[0]?.[2]).not.toContain('backup')
  })

  test('an answer by flag is taken along', () => {
    const answered = plan(scene({ records: [leaving({ tables: 'ask' })], answers: new Map([['x', { tables: 'remove', data: 'remove' }]]) }))
    expect(brief(answered)[0]?.[2]).toBe('answer tables, deactivate, backup, code, retain config, retain data, quarantine tables')
  })

  test('changing only the policy is a configure that names what the seal becomes', () => {
    const [change] = plan(scene({ plugins: { x: {} }, blocks: { x: block('x', '1.4.2', { uninstall: policy({ tables: 'remove' }) }) }, records: [leaving({})] })).changes
    expect([change?.action, change?.effects.notes]).toEqual(['configure', ['when it is removed: tables keep -> remove']])
  })

  test('a lock that lost the block of a plugin that is asked for removes nothing', () => {
    expect(plan(scene({ plugins: { x: {} }, records: [leaving({ tables: 'remove' })] })).changes).toEqual([])
  })

  test('who still needs it is named, with the way out', () => {
    const records = [leaving({}), recordOf('y', block('y', '1.0.0', { dependencies: { x: '*' } })), recordOf('z', block('z', '1.0.0', { dependencies: { x: '^1.0.0' } }))]
    const decided = plan(scene({ plugins: { y: {}, z: {} }, blocks: { y: block('y', '1.0.0', { dependencies: { x: '*' } }), z: block('z', '1.0.0', { dependencies: { x: '^1.0.0' } }) }, records }))
    expect(decided.changes).toEqual([])
    expect(decided.blocked).toMatchObject([{ id: 'x', code: 'IN_USE', reason: expect.stringContaining('InUseBy y, z'), hint: expect.stringContaining('catalyst remove x --with-dependents') }])
  })
})

describe('what is left of removed plugins', () => {
  const going = (odd: Parameters<typeof retained>[1] = {}) => retained('x', { removal: { policy: policy({ tables: 'remove' }), classes: { config: RETAINED, data: RETAINED, tables: QUARANTINED }, backup: backup('x', '1.4.2') }, ...odd })

  test('a plan holds until the first grace ends', () => {
    expect(plan(scene({ retained: [going()] }))).toMatchObject({ changes: [], validUntil: days(7) })
    expect(plan(scene({ retained: [going()], now: undefined }))).toMatchObject({ changes: [], validUntil: days(7) })
    expect(plan(scene({ retained: [going()], now: days(8) }))).not.toHaveProperty('validUntil')
  })

  test('a purge has its backup read once more', () => {
    expect(plan(scene({ retained: [going()], now: days(8) })).changes[0]).toMatchObject({ action: 'purge', destructive: true, reversible: false, steps: [{ do: 'backup', existing: backup('x', '1.4.2').name }, { do: 'purge', class: 'tables' }] })
  })

  test('a purge waits for who needs the tables, by name; nobody else waits', () => {
    const other = retained('w', { removal: { policy: policy({ data: 'remove' }), classes: { config: RETAINED, data: QUARANTINED, tables: RETAINED } } })
    const decided = plan(scene({ retained: [going(), other], now: days(8), looked: { uses: new Map([['x', [{ table: 'plg_x__accounts', kind: 'trigger', by: 'orders_points' }]]]) } }))
    expect(decided.blocked).toMatchObject([{ id: 'x', code: 'TABLE_IN_USE', reason: expect.stringContaining('trigger orders_points') }])
    expect(brief(decided)).toEqual([['purge', 'w', 'backup, purge data']])
  })

  test('a tombstone that is taken back brings the tables back out of quarantine', () => {
    const loosened = retained('x', { removal: { policy: policy({ tables: 'ask' }), classes: { config: RETAINED, data: RETAINED, tables: QUARANTINED } } })
    expect(brief(plan(scene({ retained: [loosened], set: { removed: { 'x@1.4.2': { tables: 'remove' } } } })))).toEqual([])
    expect(brief(plan(scene({ retained: [loosened] })))).toEqual([['configure', 'x', 'return tables, ask tables']])
  })

  test('a recorded answer counts as long as no tombstone speaks', () => {
    const answered = retained('x', { removal: { policy: policy({ tables: 'ask' }), answers: { tables: 'remove' }, classes: { config: RETAINED, data: RETAINED, tables: QUARANTINED } } })
    expect(plan(scene({ retained: [answered] })).changes).toEqual([])
    expect(brief(plan(scene({ retained: [answered], set: { removed: { 'x@1.4.2': { tables: 'keep' } } } })))).toEqual([['configure', 'x', 'return tables, retain tables']])
  })

  test('the order of records never changes a byte', () => {
    const three = ['c', 'a', 'b'].map((id) => retained(id, { removal: { policy: policy({ data: 'remove' }), classes: { config: RETAINED, data: QUARANTINED, tables: RETAINED } } }))
    expect(JSON.stringify(plan(scene({ retained: [...three].reverse(), now: days(8) })))).toBe(JSON.stringify(plan(scene({ retained: three, now: days(8) }))))
  })

  test('a record of a version that kept everything is left alone, unless a tombstone names it', () => {
    const { removal: _none, ...old } = retained('x')
    expect(plan(scene({ retained: [old], now: days(400) })).changes).toEqual([])
    expect(brief(plan(scene({ retained: [old], set: { removed: { 'x@1.4.2': { data: 'remove' } } } })))).toEqual([['remove', 'x', 'backup, quarantine data']])
  })

  test('a tombstone for a plugin that another one still needs decides nothing and says so', () => {
    const needed = { y: block('y', '1.0.0', { dependencies: { x: '*' } }), x: block('x', '1.4.2') }
    const decided = plan(scene({ plugins: { y: {} }, blocks: needed, records: Object.entries(needed).map(([id, b]) => recordOf(id, b)), set: { removed: { 'x@1.4.2': { tables: 'remove' } } } }))
    expect([decided.changes, decided.notices.map((n) => n.code)]).toEqual([[], ['TOMBSTONE_STALE']])
  })
})

describe('it comes back', () => {
  const quarantined = retained('x', { removal: { policy: policy({ tables: 'remove' }), classes: { config: RETAINED, data: PURGED, tables: QUARANTINED } } })
  const back = (b: LockBlock, odd: Scene = {}) => plan(scene({ plugins: { x: {} }, blocks: { x: b }, retained: [quarantined], ...odd }))

  test('to what it left, out of quarantine, even when the grace ended meanwhile', () => {
    const decided = back(block('x', '1.4.2', { migrations: [migration('0001_init')] }), { now: days(30) })
    expect(brief(decided)).toEqual([['reattach', 'x', 'return tables']])
    expect(decided.changes[0]?.effects).toMatchObject({ migrations: [], keeps: ['config', 'tables'] })
  })

  test('newer, when what has run is the beginning of what it brings', () => {
    expect(back(block('x', '1.5.0', { migrations: [migration('0001_init'), migration('0002_more')] })).changes[0]?.effects.migrations.map((m) => m.id)).toEqual(['0002_more'])
  })

  test.each([
    ['reordered', [migration('0000_first'), migration('0001_init')]],
    ['edited', [migration('0001_init', 'expand', { checksum: `sha256:${'f'.repeat(64)}` })]],
    ['gone', []],
  ])('migrations %s: refused, nothing is touched', (_what, migrations) => {
    const decided = back(block('x', '1.5.0', { migrations }), { retained: [retained('x', { block: block('x', '1.4.2', { migrations: [migration('0001_init', 'breaking')] }), removal: { classes: quarantined.removal?.classes ?? { config: RETAINED, data: RETAINED, tables: RETAINED } } })], now: days(30) })
    expect([decided.changes, blockedBy(decided)]).toEqual([[], [['x', 'REATTACH_CONFLICT']]])
  })

  test('tables that were purged start anew, and all of it as a fresh install', () => {
    const none = retained('x', { removal: { classes: { config: RETAINED, data: RETAINED, tables: PURGED } } })
    const all = retained('x', { removal: { classes: { config: PURGED, data: PURGED, tables: PURGED } } })
    const fresh = block('x', '2.0.0', { migrations: [migration('0001_other')] })
    expect(back(fresh, { retained: [none] }).changes).toMatchObject([{ action: 'reattach', effects: { migrations: [{ id: '0001_other' }] } }])
    expect(back(fresh, { retained: [all] }).changes).toMatchObject([{ action: 'install', effects: { migrations: [{ id: '0001_other' }] } }])
  })

  test('under another signer it waits: removing first is no way around who may have the data', () => {
    expect(blockedBy(back(block('x', '1.4.2', { migrations: [migration('0001_init')], repository: { ...block('x').repository, id: 5 } })))).toEqual([['x', 'APPROVAL_MISSING']])
  })
})

describe('it goes on under another id', () => {
  const to = (odd: Parameters<typeof block>[2] = {}) => block('y', '1.5.0', { migrations: [migration('0001_init', 'expand', { checksum: `sha256:${'9'.repeat(64)}` })], repository: block('x').repository, ...odd })
  const from = recordOf('x', block('x', '1.4.2', { migrations: [migration('0001_init')] }))
  const moved = { moved: [{ from: 'x', to: 'y' }] }

  test('installed: off, backed up, everything takes the new name; then it is done', () => {
    const decided = plan(scene({ plugins: { y: {} }, blocks: { y: to() }, records: [from], set: moved }))
    expect(brief(decided)).toEqual([['move', 'y', 'deactivate, backup, move']])
    expect(decided.changes[0]).toMatchObject({ movedFrom: 'x', effects: { migrations: [] } })
    expect(decided.groups).toMatchObject([{ generation: 'own', phases: [{ phase: 'probe' }, { phase: 'deactivate' }, { phase: 'backup' }, { phase: 'before' }, { phase: 'switch' }] }])
    const wish = desired({ anchor: {}, y: {} }, moved)
    expect(plan(scene({ plugins: { y: {} }, blocks: { y: to() }, records: [recordOf('y', to(), wish)], set: moved })).changes).toEqual([])
  })

  test('removed already: what it left is found under the new id', () => {
    const left = retained('x', { removal: { policy: policy({ tables: 'remove' }), classes: { config: RETAINED, data: RETAINED, tables: QUARANTINED } } })
    expect(brief(plan(scene({ plugins: { y: {} }, blocks: { y: to() }, retained: [left], set: moved, now: days(30) })))).toEqual([['move', 'y', 'move, return tables']])
  })

  test.each<readonly [string, Scene, readonly (readonly [string, string])[]]>([
    ['the new id is installed', { plugins: { y: {} }, blocks: { y: block('y') }, records: [from, recordOf('y', block('y'))] }, [['x', 'CONTRADICTION']]],
    ['the new id left something', { plugins: { y: {} }, blocks: { y: to() }, records: [from], retained: [retained('y')] }, [['y', 'CONTRADICTION']]],
    ['nothing wants the new id', { records: [from] }, [['x', 'CONTRADICTION']]],
    ['something still needs the old id', { plugins: { y: {} }, blocks: { y: to({ dependencies: { x: '*' } }), x: from.block }, records: [from] }, [['y', 'CONTRADICTION']]],
    ['its migrations are others', { plugins: { y: {} }, blocks: { y: to({ migrations: [migration('0001_other')] }) }, records: [from] }, [['y', 'REATTACH_CONFLICT']]],
    ['another signer', { plugins: { y: {} }, blocks: { y: to({ repository: { ...block('x').repository, ownerId: 7 } }) }, records: [from] }, [['y', 'APPROVAL_MISSING']]],
  ])('refused: %s; nothing is removed, nothing is touched', (_name, odd, expected) => {
    const decided = plan(scene({ ...odd, set: moved }))
    expect([decided.changes, blockedBy(decided)]).toEqual([[], expected])
  })

  test('a new id that waits for its permissions keeps the old one as it is', () => {
    const input = scene({ plugins: { y: {} }, records: [from], set: moved })
    const waiting = { y: { requested: '*', code: 'GRANT_MISSING' as const, version: '1.5.0', write: 'permissions: { admin: true }' } }
    expect(plan({ ...input, lock: { ...input.lock, waiting } })).toMatchObject({ changes: [], blocked: [] })
  })
})

describe('purge by name', () => {
  const asked = retained('x', { removal: { policy: policy({ data: 'ask', tables: 'ask' }), classes: { config: RETAINED, data: AWAITING, tables: AWAITING }, inventory: inventory('x') } })

  test('what the policy asks goes, what it keeps stays', () => {
    expect(purgeDecision('x', scene({ retained: [asked] }))).toMatchObject({ kept: ['config'], change: { action: 'purge', steps: [{ do: 'backup' }, { do: 'purge', class: 'data' }, { do: 'purge', class: 'tables' }] } })
  })

  test('a grace is ended, its backup is read', () => {
    const going = retained('x', { removal: { policy: policy({ tables: 'remove' }), classes: { config: RETAINED, data: RETAINED, tables: QUARANTINED }, backup: backup('x', '1.4.2') } })
    expect(purgeDecision('x', scene({ retained: [going], now: undefined }))).toMatchObject({ change: { steps: [{ do: 'backup', existing: backup('x', '1.4.2').name }, { do: 'purge', class: 'tables' }] } })
  })

  test.each<readonly [string, Scene, string]>([
    ['all is kept by the policy', { retained: [retained('x')] }, 'DECISION_REQUIRED'],
    ['tables are in use', { retained: [asked], looked: { uses: new Map([['x', [{ table: 't', kind: 'view', by: 'v' }]]]) } }, 'TABLE_IN_USE'],
    ['a stale tombstone', { retained: [asked], set: { removed: { 'x@9.9.9': { tables: 'remove' } } } }, 'TOMBSTONE_STALE'],
  ])('refused: %s', (_name, odd, code) => {
    expect(purgeDecision('x', scene(odd))).toMatchObject({ blocked: { code } })
  })

  test.each<readonly [string, Scene, string]>([
    ['never installed', { retained: [retained('other')] }, 'NOT_INSTALLED'],
    ['purged already', { retained: [retained('x', { removal: { classes: { config: PURGED, data: PURGED, tables: PURGED } } })] }, 'NOT_INSTALLED'],
    ['installed', { plugins: { x: {} }, blocks: { x: block('x') }, records: [recordOf('x', block('x'))] }, 'IN_USE'],
    ['asked for again', { plugins: { x: {} }, blocks: { x: block('x') }, retained: [asked] }, 'IN_USE'],
    ['on its way to another id', { plugins: { y: {} }, blocks: { y: block('y') }, retained: [asked], set: { moved: [{ from: 'x', to: 'y' }] } }, 'IN_USE'],
  ])('an error: %s', (_name, odd, code) => {
    const tried = (): unknown => purgeDecision('x', scene(odd))
    expect(tried).toThrow(CatalystError)
    expect(tried).toThrow(expect.objectContaining({ code }))
  })
})
