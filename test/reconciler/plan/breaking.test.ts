import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../schemas/digest.ts'
import type { LockBlock } from '../../../schemas/lock.ts'
import { normalizePermissions } from '../../../schemas/permissions.ts'
import type { Approval } from '../../../schemas/plugin-set.ts'
import { renderPlan } from '../../../cli/render/plan.ts'
import { planMarkdown } from '../../../cli/render/plan-markdown.ts'
import { plan } from '../../../reconciler/plan/decide.ts'
import { block, desired, lockOf, observed, recordOf } from '../../builders/store.ts'

/* What an upgrade may break is named, and waits for consent to exactly that release. */

type Odd = Partial<Omit<LockBlock, 'entryDigest'>>
const migration = (id: string, odd: object = {}) => ({ id, checksum: sha256(id), kind: 'expand' as const, down: true, ...odd })
const grant = { api: ['a.example:443', 'b.example:443'], hooks: ['order.placed', 'order.paid'] }
const wish = desired({ pay: { permissions: grant }, shop: {} })
const asks = (permissions: object): Odd => ({ permissions: normalizePermissions(permissions) })

/** An upgrade of `pay` from 1.0.0 to 1.1.0 beside `shop`, which depends on it or not. */
function upgrade(from: Odd, to: Odd, options: { version?: string; approvals?: readonly Approval[]; dependent?: boolean } = {}) {
  const next = block('pay', options.version ?? '1.1.0', to)
  const shop = block('shop', '1.0.0', options.dependent === false ? {} : { dependencies: { pay: '>=1.0.0' } })
  const records = [recordOf('pay', block('pay', '1.0.0', from), wish), recordOf('shop', shop, wish)]
  const approved = desired({ pay: { permissions: grant }, shop: {} }, { approvals: [...(options.approvals ?? [])] })
  return { next, decided: plan({ desired: approved, lock: lockOf({ pay: next, shop }), observed: observed(records) }) }
}

describe('each breaking change is named with the word that consents to it', () => {
  const cases: readonly (readonly [string, Odd, Odd, string, string])[] = [
    ['something provided is gone, and somebody depends on the plugin', { provides: ['pay@1', 'refund@1'] }, { provides: ['pay@1'] }, 'breaking', 'it no longer provides refund@1: shop 1.0.0 depends on it and may use that'],
    ['a hook is gone', asks({ hooks: ['order.placed', 'order.paid'] }), asks({ hooks: ['order.placed'] }), 'breaking', 'it no longer listens to order.paid: what it did then is not done any more'],
    ['more permissions, which the grant allowed before anybody asked', asks({ api: ['a.example:443'] }), asks(grant), 'breaking', 'it asks for more than before, and the grant allows it already: api b.example:443, hooks order.paid, hooks order.placed'],
    ['a breaking migration', { migrations: [migration('0001_a')] }, { migrations: [migration('0001_a'), migration('0002_b', { kind: 'breaking' })] }, 'breaking', 'migration 0002_b breaks with running code: it is switched off meanwhile'],
    ['a migration without a way back', {}, { migrations: [migration('0001_a', { down: false })] }, 'irreversible', 'migration 0001_a has no way back but a backup'],
  ]
  test.each(cases)('%s', (_what, from, to, accept, why) => {
    const { next, decided } = upgrade(from, to)
    expect(decided.changes).toEqual([])
    expect(decided.blocked).toMatchObject([{ id: 'pay', code: 'APPROVAL_MISSING', to: '1.1.0', needs: [{ accept, why }] }])
    expect(decided.blocked[0]?.hint).toBe(`approvals:\n  - { plugin: pay, to: "${next.entryDigest}", accept: [${accept}] }`)

    const approved = upgrade(from, to, { approvals: [{ plugin: 'pay', to: next.entryDigest, accept: [accept as 'breaking'] }] }).decided
    expect(approved.blocked).toEqual([])
    expect(approved.changes).toMatchObject([{ id: 'pay', action: 'upgrade', effects: { notes: [`${accept}, approved: ${why}`] } }])

    const ofAnother = upgrade(from, to, { approvals: [{ plugin: 'pay', to: block('pay', '1.0.9', to).entryDigest, accept: ['major', 'breaking', 'irreversible'] }] }).decided
    expect(ofAnother.blocked).toHaveLength(1)
    expect(ofAnother.blocked[0]?.hint).toContain('is of another release and does nothing here')

    const otherWord = upgrade(from, to, { approvals: [{ plugin: 'pay', to: next.entryDigest, accept: ['signer'] }] }).decided
    expect(otherWord.blocked[0]?.hint).toContain(`accept: [signer, ${accept}]`)
  })

  test('nobody depends on what is gone: said too', () => {
    const { decided } = upgrade({ provides: ['pay@1'] }, {}, { dependent: false })
    expect(decided.blocked[0]?.reason).toBe('it no longer provides pay@1: no installed plugin depends on it')
  })

  test('what breaks nothing waits for nobody', () => {
    const odd: Odd = { provides: ['pay@1'], migrations: [migration('0001_a', { kind: 'breaking', down: false })], ...asks(grant) }
    const { decided } = upgrade(odd, { ...odd, provides: ['pay@1', 'more@1'], migrations: [...(odd.migrations ?? []), migration('0002_b')] })
    expect([decided.blocked, decided.changes.length]).toEqual([[], 1])
  })

  test('a first installation has nothing to break', () => {
    const first = block('pay', '1.0.0', { provides: ['pay@1'], migrations: [migration('0001_a', { kind: 'breaking', down: false })], ...asks(grant) })
    expect(plan({ desired: desired({ pay: { permissions: grant } }), lock: lockOf({ pay: first }), observed: observed() }).blocked).toEqual([])
  })

  test('a grant that was widened for it is consent', () => {
    const before = desired({ pay: { permissions: { api: ['a.example:443'] } } })
    const record = recordOf('pay', block('pay', '1.0.0', asks({ api: ['a.example:443'] })), before)
    const decided = plan({ desired: wish, lock: lockOf({ pay: block('pay', '1.1.0', asks(grant)), shop: block('shop') }), observed: observed([record]) })
    expect(decided.blocked).toEqual([])
    expect(decided.changes.find((c) => c.id === 'pay')?.effects.permissionsAdded).toEqual(['api b.example:443', 'hooks order.paid', 'hooks order.placed'])
  })

  test('a migration without a way back is told as not reversible', () => {
    const { next } = upgrade({}, { migrations: [migration('0001_a', { down: false })] })
    const { decided } = upgrade({}, { migrations: [migration('0001_a', { down: false })] }, { approvals: [{ plugin: 'pay', to: next.entryDigest, accept: ['irreversible'] }] })
    expect(decided.changes[0]).toMatchObject({ reversible: false })
  })
})

describe('as people read it', () => {
  const { next, decided } = upgrade(
    { provides: ['pay@1'], ...asks({ hooks: ['order.paid'] }) },
    { migrations: [migration('0001_a', { kind: 'breaking', down: false })] },
    { version: '2.0.0' },
  )

  test('one block with everything, and the exact YAML', () => {
    expect(renderPlan(decided, (_tone, text) => text)).toBe(`! pay 2.0.0  upgrade blocked (APPROVAL_MISSING): write the consent below, or reject this version
    major        1.0.0 -> 2.0.0 is a major step: what worked may stop working
    breaking     it no longer provides pay@1: shop 1.0.0 depends on it and may use that
    breaking     it no longer listens to order.paid: what it did then is not done any more
    breaking     migration 0001_a breaks with running code: it is switched off meanwhile
    irreversible migration 0001_a has no way back but a backup
    approvals:
      - { plugin: pay, to: "${next.entryDigest}", accept: [major, breaking, irreversible] }

No changes; 1 blocked. 1 plugin as wanted.`)
  })

  test('in a pull request', () => {
    expect(planMarkdown(decided)).toContain(`> **pay** 2.0.0 is blocked until somebody consents:
> - **major** \`1.0.0 -> 2.0.0 is a major step: what worked may stop working\`
> - **breaking** \`it no longer provides pay@1`)
  })
})
