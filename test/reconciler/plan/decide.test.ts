import { describe, expect, test } from 'vitest'
import { plan } from '../../../reconciler/plan/decide.ts'
import { installedSide, wantedSide } from '../../../reconciler/plan/sides.ts'
import { stateDigest } from '../../../reconciler/plan/state-digest.ts'
import type { Plan } from '../../../schemas/plan.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { block, desired, lockOf, observed, recordOf } from '../../builders/store.ts'

const ids = (list: readonly { id: string; action: string }[]): string[] => list.map((c) => `${c.action} ${c.id}`)

describe('what differs becomes a change', () => {
  const wish = desired({ a: {} })
  const cases: readonly (readonly [string, Plan, readonly string[]])[] = [
    ['nothing installed: install', plan({ desired: wish, lock: lockOf({ a: block('a') }), observed: observed() }), ['install a']],
    ['the same: nothing', plan({ desired: wish, lock: lockOf({ a: block('a') }), observed: observed([recordOf('a', block('a'), wish)]) }), []],
    ['newer: upgrade', plan({ desired: wish, lock: lockOf({ a: block('a', '1.1.0') }), observed: observed([recordOf('a', block('a'), wish)]) }), ['upgrade a']],
    ['older: downgrade', plan({ desired: wish, lock: lockOf({ a: block('a') }), observed: observed([recordOf('a', block('a', '1.0.1'), wish)]) }), ['downgrade a']],
    ['same version, other tree: upgrade', plan({ desired: wish, lock: lockOf({ a: block('a', '1.0.0', { tree: sha256('other') }) }), observed: observed([recordOf('a', block('a'), wish)]) }), ['upgrade a']],
    ['other range only: configure', plan({ desired: wish, lock: lockOf({ a: block('a', '1.0.0', { requested: '^1.0.0' }) }), observed: observed([recordOf('a', block('a'), wish)]) }), ['configure a']],
    ['other config: configure', plan({ desired: desired({ a: { config: { x: 1 } } }), lock: lockOf({ a: block('a') }), observed: observed([recordOf('a', block('a'), wish)]) }), ['configure a']],
    ['other grant: configure', plan({ desired: desired({ a: { permissions: { admin: true } } }), lock: lockOf({ a: block('a') }), observed: observed([recordOf('a', block('a'), wish)]) }), ['configure a']],
    ['switched off: configure', plan({ desired: desired({ a: { enabled: false } }), lock: lockOf({ a: block('a') }), observed: observed([recordOf('a', block('a'), wish)]) }), ['configure a']],
    ['gone from the lock: remove', plan({ desired: wish, lock: lockOf({ a: block('a') }), observed: observed([recordOf('a', block('a'), wish), recordOf('b', block('b'))]) }), ['remove b']],
  ]
  test.each(cases)('%s', (_name, decided, expected) => {
    expect(ids(decided.changes)).toEqual(expected)
    expect(decided.blocked).toEqual([])
  })

  test('a machine that has not unpacked a plugin yet repairs it', () => {
    const state = { ...observed([recordOf('a', block('a'), wish)]), live: undefined }
    expect(ids(plan({ desired: wish, lock: lockOf({ a: block('a') }), observed: state }).changes)).toEqual(['repair a'])
  })

  test('altered files are repaired, and the reason names them', () => {
    const state = { ...observed([recordOf('a', block('a'), wish)]), damaged: new Map([['a', ['package/index.js']]]) }
    const [change] = plan({ desired: wish, lock: lockOf({ a: block('a') }), observed: state }).changes
    expect(change).toMatchObject({ action: 'repair', reason: expect.stringContaining('package/index.js') })
  })
})

describe('what needs a person waits, and nobody else waits with it', () => {
  const wish = desired({ a: {}, b: {} })
  const before = observed([recordOf('a', block('a'), wish)])

  test('a major step waits for an approval bound to its entry digest', () => {
    const next = block('a', '2.0.0')
    const input = { lock: lockOf({ a: next, b: block('b') }), observed: before }
    const waiting = plan({ ...input, desired: wish })
    expect(waiting.blocked).toMatchObject([{ id: 'a', code: 'APPROVAL_MISSING', hint: expect.stringContaining(next.entryDigest) }])
    expect(ids(waiting.changes)).toEqual(['install b'])
    const approved = desired({ a: {}, b: {} }, { approvals: [{ plugin: 'a', to: next.entryDigest, accept: ['major'] }] })
    expect(ids(plan({ ...input, desired: approved }).changes)).toEqual(['upgrade a', 'install b'])
  })

  test('an approval of one release does not approve the next', () => {
    const approved = desired({ a: {} }, { approvals: [{ plugin: 'a', to: block('a', '2.0.0').entryDigest, accept: ['major'] }] })
    expect(plan({ desired: approved, lock: lockOf({ a: block('a', '2.0.1') }), observed: before }).blocked).toHaveLength(1)
  })

  test.each([
    ['workflow', { signer: { ...block('a').signer, workflow: '.github/workflows/other.yml' } as never }, 'signer'],
    ['repository id', { repository: { ...block('a').repository, id: 999 } }, 'signer'],
    ['owner id', { repository: { ...block('a').repository, ownerId: 999 } }, 'signer'],
    ['profile', { signer: { ...block('a').signer, profile: 'github' } as never }, 'signer'],
    ['registry', { registry: 'other' }, 'registry'],
    ['kind of evidence', { signer: { kind: 'unsigned' } as never }, 'evidence'],
  ])('another %s needs approval %s', (_what, odd, kind) => {
    const decided = plan({ desired: wish, lock: lockOf({ a: block('a', '1.0.1', odd) }), observed: before })
    expect(decided.changes).toEqual([])
    expect(decided.blocked[0]).toMatchObject({ id: 'a', code: 'APPROVAL_MISSING', hint: expect.stringContaining(`accept: [${kind}]`) })
  })

  test('a dependent of a blocked upgrade waits; its old version stays', () => {
    const records = [recordOf('a', block('a'), wish), recordOf('b', block('b', '1.0.0', { dependencies: { a: '^1.0.0' } }), wish)]
    const lock = lockOf({ a: block('a', '2.0.0'), b: block('b', '1.1.0', { dependencies: { a: '^2.0.0' } }) })
    const decided = plan({ desired: wish, lock, observed: observed(records) })
    expect(decided.changes).toEqual([])
    expect(decided.blocked.map((b) => [b.id, b.code])).toEqual([['a', 'APPROVAL_MISSING'], ['b', 'DependencyBlocked']])
  })

  test('a plugin that a blocked one still needs is not removed', () => {
    const records = [recordOf('a', block('a', '1.0.0', { dependencies: { b: '*' } }), wish), recordOf('b', block('b'), wish)]
    const decided = plan({ desired: desired({ a: {} }), lock: lockOf({ a: block('a', '2.0.0') }), observed: observed(records) })
    expect(decided.blocked.map((b) => [b.id, b.code])).toEqual([['a', 'APPROVAL_MISSING'], ['b', 'IN_USE']])
  })
})

describe('removals', () => {
  const four = ['a', 'b', 'c', 'd'].map((id) => recordOf(id, block(id)))

  test('one may always go', () => {
    const decided = plan({ desired: desired({ a: {}, b: {}, c: {} }), lock: lockOf({ a: block('a'), b: block('b'), c: block('c') }), observed: observed(four) })
    expect(ids(decided.changes)).toEqual(['remove d'])
    expect(decided.changes[0]?.effects).toMatchObject({ keeps: ['code', 'config'], asks: ['data', 'tables'], destroys: [] })
  })

  test('more than maxRemovals wait for approvals that name them', () => {
    const input = { lock: lockOf({ a: block('a'), b: block('b') }), observed: observed(four) }
    const decided = plan({ ...input, desired: desired({ a: {}, b: {} }) })
    expect(decided.changes).toEqual([])
    expect(decided.blocked.map((b) => b.code)).toEqual(['MASS_REMOVAL', 'MASS_REMOVAL'])
    const approved = desired({ a: {}, b: {} }, { approvals: [{ removals: ['c', 'd'] }] })
    expect(ids(plan({ ...input, desired: approved }).changes)).toEqual(['remove d', 'remove c'])
  })

  test('an empty plugins.yaml removes nothing by itself, even when one is installed', () => {
    const decided = plan({ desired: desired(), lock: lockOf({}), observed: observed([recordOf('a', block('a'))]) })
    expect(decided.changes).toEqual([])
    expect(decided.blocked).toMatchObject([{ id: 'a', code: 'MASS_REMOVAL' }])
  })

  test('a plugin that waits for a decision is not removed', () => {
    const lock = lockOf({}, { waiting: { a: { requested: '*', code: 'GRANT_MISSING', version: '1.0.0', write: 'permissions: { admin: true }' } } })
    const decided = plan({ desired: desired({ a: {} }), lock, observed: observed([recordOf('a', block('a'))]) })
    expect(decided.changes).toEqual([])
    expect(decided.notices).toMatchObject([{ id: 'a', code: 'PermissionsUndecided' }])
  })
})

describe('order and groups', () => {
  test('dependencies come first, dependents share their group, removals come last', () => {
    const wish = desired({ z: {}, a: {}, m: {} })
    const lock = lockOf({ a: block('a', '1.0.0', { dependencies: { z: '*' } }), m: block('m'), z: block('z') })
    const decided = plan({ desired: wish, lock, observed: observed([recordOf('old', block('old'))]) })
    expect(ids(decided.changes)).toEqual(['install z', 'install a', 'install m', 'remove old'])
    const group = Object.fromEntries(decided.changes.map((c) => [c.id, c.group]))
    expect(group.z).toBe(group.a)
    expect(new Set(Object.values(group)).size).toBe(3)
  })

  test('what was needed before and is not any more does not turn the order round', () => {
    const old = { a: block('a', '1.0.0', { dependencies: { c: '*' } }), b: block('b', '1.0.0', { dependencies: { a: '*' } }), c: block('c', '1.0.0', { dependencies: { b: '*' } }) }
    const next = { a: block('a', '1.1.0'), b: block('b', '1.1.0', { dependencies: { a: '*' } }) }
    const decided = plan({ desired: desired({ a: {}, b: {} }), lock: lockOf(next), observed: observed(Object.entries(old).map(([id, b]) => recordOf(id, b))) })
    expect(ids(decided.changes)).toEqual(['upgrade a', 'upgrade b', 'remove c'])
  })

  test('a plugin and the one that it excludes switch together', () => {
    const decided = plan({ desired: desired({ a: {} }), lock: lockOf({ a: block('a', '1.0.0', { conflicts: { b: '*' } }) }), observed: observed([recordOf('b', block('b'))]) })
    expect(new Set(decided.changes.map((c) => c.group)).size).toBe(1)
  })
})

describe('holds', () => {
  const wish = desired({ a: {} })

  test('a change that was rolled back does not come back by itself', () => {
    const bad = block('a', '1.1.0')
    const old = recordOf('a', block('a'), wish)
    const hold = { id: 'a', from: stateDigest(wantedSide(bad, wish.plugins[0])), fromVersion: '1.1.0', to: stateDigest(installedSide(old)), toVersion: '1.0.0', since: '2026-11-22T00:00:00Z' }
    const decided = plan({ desired: wish, lock: lockOf({ a: bad }), observed: observed([old], [hold]) })
    expect(decided.changes).toEqual([])
    expect(decided.notices).toMatchObject([{ code: 'Held', hint: expect.stringContaining('reject: [1.1.0]') }])
    const next = plan({ desired: wish, lock: lockOf({ a: block('a', '1.1.1') }), observed: observed([old], [hold]) })
    expect(ids(next.changes)).toEqual(['upgrade a'])
  })

  test('another config does not bring held code back', () => {
    const bad = block('a', '1.1.0')
    const old = recordOf('a', block('a'), wish)
    const hold = { id: 'a', from: stateDigest(wantedSide(bad, wish.plugins[0])), fromVersion: '1.1.0', fromTree: bad.tree, to: stateDigest(installedSide(old)), toVersion: '1.0.0', since: '2026-11-22T00:00:00Z' }
    const decided = plan({ desired: desired({ a: { config: { x: 2 } } }), lock: lockOf({ a: bad }), observed: observed([old], [hold]) })
    expect(decided.changes).toEqual([])
    expect(decided.notices).toMatchObject([{ code: 'Held' }])
  })

  test('a removal that was rolled back is not done again by itself', () => {
    const hold = { id: 'a', from: 'absent' as const, fromVersion: undefined, to: sha256('x'), toVersion: '1.0.0', since: '2026-11-22T00:00:00Z' }
    const decided = plan({ desired: desired({ b: {} }), lock: lockOf({ b: block('b') }), observed: observed([recordOf('a', block('a')), recordOf('b', block('b'))], [hold]) })
    expect(decided.changes).toEqual([])
    expect(decided.notices).toMatchObject([{ id: 'a', code: 'Held' }])
  })
})
