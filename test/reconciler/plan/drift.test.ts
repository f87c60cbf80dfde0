import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../schemas/digest.ts'
import { conditionsOf } from '../../../cli/conditions.ts'
import { plan } from '../../../reconciler/plan/decide.ts'
import { driftOf } from '../../../reconciler/plan/drift.ts'
import type { ObservedState } from '../../../reconciler/plan/observed.ts'
import { block, desired, lockOf, observed, recordOf } from '../../builders/store.ts'

const wish = desired({ a: { config: { colour: 'red', deep: { size: 1, 'odd/key~': 2 } }, ignoreDrift: ['/theme'] } })
const record = recordOf('a', block('a'), wish)
const lock = lockOf({ a: block('a') })
const seen = (odd: Partial<ObservedState> = {}): ObservedState => ({ ...observed([record]), ...odd })
const drift = (odd: Partial<ObservedState> = {}, options: Partial<Parameters<typeof driftOf>[0]> = {}) => driftOf({ desired: wish, lock, observed: seen(odd), ...options })
const running = (config: Record<string, unknown>) => ({ running: new Map([['a', [config]]]) })

describe('by class', () => {
  test('nothing drifted, and what was not looked at is not drift', () => expect(drift()).toEqual([]))

  test('code: altered files, and another tree live', () => {
    expect(drift({ damaged: new Map([['a', ['x.js', 'y.js']]]) })).toMatchObject([{ id: 'a', class: 'code', message: 'a 1.0.0: x.js, y.js' }])
    expect(drift({ live: new Map() })).toMatchObject([{ class: 'code', message: 'a 1.0.0 is recorded but not live on this machine' }])
  })

  const config = { colour: 'red', deep: { size: 1, 'odd/key~': 2 } }
  test.each([
    ['the same', config, undefined],
    ['another order of keys', { deep: { 'odd/key~': 2, size: 1 }, colour: 'red' }, undefined],
    ['another value', { ...config, colour: 'blue' }, '/colour'],
    ['a deep one, by its JSON pointer', { ...config, deep: { size: 1, 'odd/key~': 3 } }, '/deep/odd~1key~0'],
    ['one more', { ...config, extra: null }, '/extra'],
    ['one less', { colour: 'red', deep: { size: 1 } }, '/deep/odd~1key~0'],
    ['an ignored place', { ...config, theme: { colour: 'blue' } }, undefined],
    ['an ignored place and another', { ...config, theme: 1, colour: 'blue' }, '/colour'],
    ['a place that only begins like an ignored one', { ...config, themes: 1 }, '/themes'],
  ])('config: %s', (_what, now, place) => {
    const found = drift(running(now))
    expect(found.map((d) => d.message)).toEqual(place === undefined ? [] : [`a 1.0.0 runs with another config than was recorded: ${place}`])
    expect(JSON.stringify(found)).not.toContain('blue')
  })

  test('config: of several hosts one is enough', () => {
    const found = drift({ running: new Map([['a', [config, { ...config, colour: 'blue' }, { ...config, colour: 'green' }]]]) })
    expect(found.map((d) => d.message)).toEqual(['a 1.0.0 runs with another config than was recorded: /colour'])
  })

  test('config: where git has moved on, only that it differs', () => {
    const moved = desired({ a: { config: { colour: 'green' } } })
    expect(drift(running(config), { desired: moved })).toEqual([])
    expect(drift(running({ colour: 'blue' }), { desired: moved })).toMatchObject([{ class: 'config', message: 'a 1.0.0 runs with another config than was recorded' }])
  })

  test('schema: warned, with both digests, and never a change of the plan', () => {
    const odd = { definitions: new Map([['a', { recorded: sha256('x'), now: sha256('y') }]]) }
    expect(drift(odd)).toMatchObject([{ class: 'schema', message: expect.stringContaining(sha256('y')) }])
    expect(drift({ definitions: new Map([['a', { recorded: sha256('x'), now: sha256('x') }]]) })).toEqual([])
    expect(plan({ desired: wish, lock, observed: seen(odd) }).changes).toEqual([])
  })

  test('unmanaged: live and not recorded; recorded, and git has never heard of it', () => {
    expect(drift({ live: new Map([['a', record.block.tree as `sha256:${string}`], ['b', sha256('b')]]) })).toMatchObject([{ id: 'b', class: 'unmanaged' }])
    const stranger = observed([record, recordOf('b', block('b'))])
    expect(driftOf({ desired: wish, lock, observed: stranger })).toMatchObject([{ id: 'b', class: 'unmanaged', hint: expect.stringContaining('catalyst adopt b') }])
    expect(driftOf({ desired: wish, lock: lockOf({ a: block('a') }, { removed: { b: block('b') } }), observed: stranger })).toEqual([])
    expect(driftOf({ desired: wish, lock: undefined, observed: stranger })).toEqual([])
  })
})

describe('conditions', () => {
  const of = (odd: Partial<ObservedState> = {}, checked = true, blocked: Parameters<typeof conditionsOf>[1]['plan'] = { blocked: [] }, waiting = lock) => {
    const state = seen(odd)
    return Object.fromEntries(conditionsOf(record, { observed: state, lock: waiting, plan: blocked, drift: driftOf({ desired: wish, lock: waiting, observed: state }), checked }).map((c) => [c.type, `${c.status} ${c.reason}`]))
  }

  test('all eight, well', () => {
    expect(of()).toEqual({
      Ready: 'true Live',
      Verified: 'true ProvenanceProven',
      PermissionsApproved: 'true Granted',
      Healthy: 'unknown NoHost',
      Drifted: 'false FilesChecked',
      Held: 'false NoHold',
      DecisionRequired: 'false Decided',
      Stalled: 'false NoFailure',
    })
  })

  test('what nobody looked at is unknown', () => {
    expect(of({}, false)).toMatchObject({ Drifted: 'unknown FilesNotChecked' })
    expect(of({}, true, undefined, lock)).toMatchObject({ DecisionRequired: 'false Decided' })
    expect(conditionsOf(record, { observed: seen(), lock, plan: undefined, drift: [], checked: true })).toContainEqual({ type: 'DecisionRequired', status: 'unknown', reason: 'NoPlan' })
  })

  const hold = { id: 'a', from: sha256('new'), fromVersion: '2.0.0', to: sha256('old'), toVersion: '1.0.0', since: '2026-11-22T12:00:00Z' }
  const blocked = { id: 'a', action: 'upgrade' as const, reason: '', hint: '' }
  test.each([
    ['altered', { damaged: new Map([['a', ['x']]]) }, undefined, { Ready: 'false FilesAltered', Drifted: 'true FilesAltered' }],
    ['not here', { live: new Map() }, undefined, { Ready: 'false NotOnThisMachine', Drifted: 'true OtherTreeLive', Healthy: 'unknown NotRunning' }],
    ['another config', running({}), undefined, { Ready: 'true Live', Drifted: 'true ConfigDiffers' }],
    ['stalled', { store: { ...observed([record]).store, holds: [{ ...hold, failed: 'MIGRATION_FAILED' }] } }, undefined, { Stalled: 'true ChangeFailed', Held: 'false NoHold' }],
    ['held', { store: { ...observed([record]).store, holds: [hold] } }, undefined, { Stalled: 'false NoFailure', Held: 'true RolledBack' }],
    ['waiting for consent', {}, { blocked: [{ ...blocked, code: 'APPROVAL_MISSING' }] }, { DecisionRequired: 'true ApprovalMissing' }],
    ['waiting for a config', {}, { blocked: [{ ...blocked, code: 'CONFIG_INVALID' }] }, { DecisionRequired: 'true ConfigInvalid' }],
    ['waiting for others', {}, { blocked: [{ ...blocked, code: 'DependencyBlocked' }] }, { DecisionRequired: 'false Decided' }],
    ['another code', {}, { blocked: [{ ...blocked, code: 'REATTACH_CONFLICT' }] }, { DecisionRequired: 'true ReattachConflict' }],
  ])('%s', (_what, odd, decided, expected) => {
    expect(of(odd, true, decided)).toMatchObject(expected)
  })

  test('a version that asks for more waits: permissions are undecided', () => {
    const waiting = lockOf({ a: block('a') }, { waiting: { a: { code: 'GRANT_MISSING', version: '1.1.0', write: '' } } })
    expect(of({}, true, { blocked: [] }, waiting)).toMatchObject({ PermissionsApproved: 'false PermissionsUndecided', DecisionRequired: 'true SeePlan' })
  })
})
