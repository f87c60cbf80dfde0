import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dataRollback, type RollbackQuestion } from '../../../reconciler/plan/data-rollback.ts'
import { plan } from '../../../reconciler/plan/decide.ts'
import { migrationPath, runOrder } from '../../../reconciler/plan/migration-path.ts'
import type { ObservedState } from '../../../reconciler/plan/observed.ts'
import type { MigrationRef } from '../../../schemas/common.ts'
import type { Phase } from '../../../schemas/plan-data.ts'
import type { Plan } from '../../../schemas/plan.ts'
import type { Approval } from '../../../schemas/plugin-set.ts'
import { backup, migration, PURGED, QUARANTINED, RETAINED, retained } from '../../builders/removals.ts'
import { block, desired, lockOf, observed, recordOf } from '../../builders/store.ts'

const KINDS = { e: 'expand', b: 'breaking', c: 'contract' } as const

/** `eb!c`: migrations 1 to 3 that expand, break and contract; `!` after one that cannot be undone. */
function list(text: string, from = 1): readonly MigrationRef[] {
  return [...text.matchAll(/([ebc])(!?)/g)].map(([, kind, final], i) => migration(`${String(i + from).padStart(4, '0')}_m`, KINDS[kind as keyof typeof KINDS], { down: final !== '!' }))
}

const ids = (migrations: readonly MigrationRef[]): string => migrations.map((m) => Number(m.id.slice(0, 4))).join('')

describe('what has run, and what a release brings', () => {
  const edited = { ...list('e')[0], checksum: `sha256:${'f'.repeat(64)}` } as MigrationRef
  test.each([
    ['nothing to do', 'ee', list('ee'), { kind: 'forward', pending: [] }],
    ['the rest', 'e', list('eeb'), { kind: 'forward', pending: list('eeb').slice(1) }],
    ['only expanded since: nothing to undo', 'eee', list('e'), { kind: 'back', undo: [] }],
    ['undo from the first that did not expand, newest first', 'eebe', list('e'), { kind: 'back', undo: list('eebe').slice(2).toReversed() }],
    ['edited', 'e', [edited], { kind: 'conflict', ran: '0001_m', brings: '0001_m with another text' }],
    ['another one', 'ee', list('ee', 2), { kind: 'conflict', ran: '0001_m', brings: '0002_m' }],
  ])('%s', (_name, ran, brings, path) => {
    expect(migrationPath(list(ran), brings)).toEqual(path)
  })

  test('under another id the texts may differ, the ids may not', () => {
    expect(migrationPath(list('e'), [edited], true)).toEqual({ kind: 'forward', pending: [] })
    expect(migrationPath(list('e'), list('e', 2), true).kind).toBe('conflict')
  })
})

describe('when migrations run', () => {
  test.each([
    ['', ['', '', '']],
    ['ee', ['12', '', '']],
    ['cc', ['', '', '12']],
    ['b', ['', '1', '']],
    ['ebc', ['1', '2', '3']],
    ['ece', ['1', '23', '']],
    ['cb', ['', '12', '']],
    ['eebecc', ['12', '34', '56']],
  ])('%s', (text, expected) => {
    const { expand, breaking, contract } = runOrder(list(text))
    expect([expand, breaking, contract].map(ids)).toEqual(expected)
  })

  test('their order never changes, old code never sees a table that does not fit it, new code neither', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('e', 'b', 'c'), { maxLength: 8 }), (kinds) => {
        const all = list(kinds.join(''))
        const { expand, breaking, contract } = runOrder(all)
        expect([...expand, ...breaking, ...contract]).toEqual(all)
        expect(expand.every((m) => m.kind === 'expand') && contract.every((m) => m.kind === 'contract')).toBe(true)
      }),
    )
  })
})

describe('phases', () => {
  const consent = (of: ReturnType<typeof block>, id: string): Approval => ({ plugin: id, to: of.entryDigest, accept: ['breaking', 'irreversible', 'major'] })
  const phases = (decided: Plan) => decided.groups?.map((g) => [g.generation, ...g.phases.map(phaseText)])

  function phaseText(phase: Phase): string {
    return 'run' in phase ? `${phase.phase} ${phase.run.map((r) => `${r.plugin} ${Number(r.migration.slice(0, 4))}`).join(', ')}` : `${phase.phase} ${phase.plugins.join(', ')}`
  }

  function upgrade(before: string, after: string, looked: Partial<ObservedState> = {}) {
    const next = block('x', '1.1.0', { migrations: [...list(after)] })
    const wish = desired({ x: {} }, { approvals: [consent(next, 'x')] })
    return plan({ desired: wish, lock: lockOf({ x: next }), observed: { ...observed([recordOf('x', block('x', '1.0.0', { migrations: [...list(before)] }), wish)]), ...looked } })
  }

  test.each([
    ['expands: nobody notices, no backup', 'e', 'ee', ['own', 'expand x 2', 'probe x', 'switch x']],
    ['breaks: off, backed up, migrated, switched', 'e', 'eb', ['own', 'probe x', 'deactivate x', 'backup x', 'breaking x 2', 'switch x']],
    ['contracts: backed up before, migrated after the switch', 'e', 'ec', ['own', 'probe x', 'backup x', 'switch x', 'contract x 2']],
    ['all of it', 'e', 'eebc', ['own', 'expand x 2', 'probe x', 'deactivate x', 'backup x', 'breaking x 3', 'switch x', 'contract x 4']],
    ['none', 'e', 'e', ['shared', 'probe x', 'switch x']],
  ])('an upgrade that %s', (_name, before, after, expected) => {
    expect(phases(upgrade(before, after))).toEqual([expected])
  })

  test('what has really run decides, where somebody looked', () => {
    expect(phases(upgrade('e', 'eeb', { applied: new Map([['x', list('ee')]]) }))).toEqual([['own', 'probe x', 'deactivate x', 'backup x', 'breaking x 3', 'switch x']])
  })

  test('what changes a migration that has run is refused, and the old version stays', () => {
    const decided = upgrade('e', 'e', { applied: new Map([['x', list('e', 2)]]) })
    expect([decided.changes, decided.blocked.map((b) => b.code)]).toEqual([[], ['MIGRATION_CHANGED']])
  })

  test('a first installation breaks nothing and has nothing to back up', () => {
    const decided = plan({ desired: desired({ x: {} }), lock: lockOf({ x: block('x', '1.0.0', { migrations: [...list('ebc')] }) }), observed: observed() })
    expect(phases(decided)).toEqual([['own', 'expand x 1', 'probe x', 'breaking x 2', 'switch x', 'contract x 3']])
  })

  test('groups without tables share a generation and come first; dependents share their group; removals end theirs', () => {
    const blocks = { a: block('a', '1.0.0', { migrations: [...list('e')] }), b: block('b', '1.0.0', { dependencies: { a: '*' }, migrations: [...list('c')] }), c: block('c') }
    const decided = plan({ desired: desired({ a: {}, b: {}, c: {} }), lock: lockOf(blocks), observed: observed([recordOf('old', block('old'))]) })
    expect(phases(decided)).toEqual([['shared', 'probe c', 'switch c'], ['shared', 'switch old', 'after old'], ['own', 'expand a 1', 'probe a, b', 'switch a, b', 'contract b 1']])
  })
})

describe('rollback of data', () => {
  const to = block('x', '1.0.0', { migrations: [...list('e')] })
  const from = block('x', '1.1.0')
  const of = (odd: Partial<RollbackQuestion>) => dataRollback({ id: 'x', from, to, ran: list('e'), backups: [], holdings: {}, approvals: [], ...odd })
  const steps = (odd: Partial<RollbackQuestion>) => of(odd).steps.map((s) => (s.do === 'revert' ? `revert ${Number(s.migration.slice(0, 4))}` : s.do))

  test.each<readonly [string, Partial<RollbackQuestion>, string, boolean, readonly string[]]>([
    ['the same tables', {}, 'code-only', true, []],
    ['only expanded since', { ran: list('ee') }, 'code-only', true, []],
    ['everything has a way back', { ran: list('eebc') }, 'down', true, ['deactivate', 'backup', 'revert 4', 'revert 3']],
    ['no way back, a backup', { ran: list('eb!'), backups: [backup('x', '1.0.0')] }, 'restore', false, ['deactivate', 'backup', 'restore']],
    ['no way back, a backup of another version', { ran: list('eb!'), backups: [backup('x', '0.9.0')] }, 'impossible', false, []],
    ['no way back, nobody looked for backups', { ran: list('eb!'), backups: undefined }, 'impossible', false, []],
    ['another history', { ran: list('e', 5), backups: [backup('x', '1.0.0')] }, 'restore', false, ['deactivate', 'backup', 'restore']],
    ['it brings what has not run', { ran: [] }, 'forward', true, []],
    ['taken out: all is kept', { to: undefined }, 'code-only', true, ['deactivate', 'code', 'retain', 'retain', 'retain']],
    ['comes back out of quarantine', { from: undefined, retained: retained('x', { removal: { classes: { config: RETAINED, data: RETAINED, tables: QUARANTINED } } }) }, 'code-only', true, ['return']],
    ['comes back after a purge', { from: undefined, retained: retained('x', { removal: { classes: { config: RETAINED, data: RETAINED, tables: PURGED } } }), backups: [backup('x', '1.0.0')] }, 'restore', false, ['backup', 'restore']],
  ])('%s', (_name, odd, kind, approved, expected) => {
    expect([of(odd).kind, of(odd).approved, steps(odd)]).toEqual([kind, approved, expected])
  })

  test('consent is bound to the code that is gone back to, and to its kind', () => {
    const restore = { ran: list('eb!'), backups: [backup('x', '1.0.0')] }
    const approval = (accept: NonNullable<Approval['accept']>, digest: Approval['to'] = to.entryDigest): Approval[] => [{ plugin: 'x', to: digest, accept }]
    expect(of({ ...restore, approvals: approval(['restore']) }).approved).toBe(true)
    expect(of({ ...restore, approvals: approval(['irreversible']) }).approved).toBe(false)
    expect(of({ ...restore, approvals: approval(['restore'], from.entryDigest) }).approved).toBe(false)
    expect(of({ ran: list('eb!'), approvals: approval(['irreversible']) })).toMatchObject({ kind: 'impossible', approved: true, steps: [] })
  })

  test('what a restore loses is told in rows and bytes', () => {
    expect(of({ ran: list('eb!'), backups: [backup('x', '1.0.0')], holdings: { tables: { count: 1, rows: 20_000, bytes: 5 } } }).loses).toEqual({ since: '2026-11-22T12:00:00Z', then: { rows: 13_244, bytes: 1_180_000 }, now: { rows: 20_000, bytes: 5 } })
  })

  test('an older version in the lock goes the same ways', () => {
    const present = block('x', '1.1.0', { migrations: [...list('eb!')] })
    const state = { ...observed([recordOf('x', present)]), backups: new Map([['x', [backup('x', '1.0.0')]]]) }
    const waiting = plan({ desired: desired({ x: {} }), lock: lockOf({ x: to }), observed: state })
    expect([waiting.changes, waiting.blocked]).toMatchObject([[], [{ code: 'APPROVAL_MISSING', needs: [{ accept: 'restore' }] }]])
    const agreed = plan({ desired: desired({ x: {} }, { approvals: [{ plugin: 'x', to: to.entryDigest, accept: ['restore'] }] }), lock: lockOf({ x: to }), observed: state })
    expect(agreed.changes).toMatchObject([{ action: 'downgrade', destructive: true, steps: [{ do: 'deactivate' }, { do: 'backup' }, { do: 'restore' }] }])
    expect(agreed.groups).toMatchObject([{ generation: 'own', phases: [{ phase: 'probe' }, { phase: 'deactivate' }, { phase: 'backup' }, { phase: 'before' }, { phase: 'switch' }] }])
    const lost = plan({ desired: desired({ x: {} }), lock: lockOf({ x: to }), observed: { ...state, backups: new Map() } })
    expect(lost.blocked).toMatchObject([{ code: 'ROLLBACK_IMPOSSIBLE' }])
  })
})
