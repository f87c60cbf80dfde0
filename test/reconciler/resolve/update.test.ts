import { describe, expect, test } from 'vitest'
import type { ResolveMode } from '../../../reconciler/resolve/resolve.ts'
import { lockOf, NOW, resolved, taken, type Case, type Releases } from './fixtures.ts'

const all: ResolveMode = { kind: 'update', ids: 'all', latest: false }
const only = (...ids: string[]): ResolveMode => ({ kind: 'update', ids, latest: false })
const latest = (...ids: string[]): ResolveMode => ({ kind: 'update', ids: ids.length === 0 ? 'all' : ids, latest: true })
const sms: Releases = { sms: ['1.0.0', '1.0.1', '1.1.0', '2.0.0', '2.1.0-beta.1'] }
const one = (version: string, mode: ResolveMode, upgrades: 'none' | 'patch' | 'minor' | 'major' = 'minor'): Case => ({ wanted: { sms: version }, releases: sms, locked: { sms: '1.0.0' }, mode, policy: { upgrades } })

describe('how far update goes', () => {
  const cases: readonly (Case & { readonly name: string; readonly takes: readonly string[] })[] = [
    { name: 'nowhere by itself where the policy says none', ...one('*', all, 'none'), takes: ['sms 1.0.0'] },
    { name: 'to the newest patch', ...one('*', all, 'patch'), takes: ['sms 1.0.1'] },
    { name: 'to the newest minor', ...one('*', all, 'minor'), takes: ['sms 1.1.0'] },
    { name: 'to the newest major', ...one('*', all, 'major'), takes: ['sms 2.0.0'] },
    { name: 'no further than the range', ...one('^1.0.0', all, 'major'), takes: ['sms 1.1.0'] },
    { name: 'a minor step below 1.0.0 is a major one', wanted: { sms: '*' }, releases: { sms: ['0.1.0', '0.1.1', '0.2.0'] }, locked: { sms: '0.1.0' }, mode: all, takes: ['sms 0.1.1'] },
    { name: 'past range and policy for the latest of what is named', ...one('^1.0.0', latest('sms'), 'none'), takes: ['sms 2.0.0'] },
    { name: 'past range and policy for the latest of all', ...one('^1.0.0', latest(), 'none'), takes: ['sms 2.0.0'] },
    { name: 'not past a pin when everything is updated', ...one('1.0.0', all), takes: ['sms 1.0.0'] },
    { name: 'past a pin that is named, as far as the policy', ...one('1.0.0', only('sms')), takes: ['sms 1.1.0'] },
    { name: 'as far as an edit of plugins.yaml asks', ...one('^2.0.0', all, 'none'), takes: ['sms 2.0.0'] },
    { name: 'what is new comes in its newest version', wanted: { sms: '*', mail: '*' }, releases: { ...sms, mail: ['1.0.0', '5.0.0'] }, locked: { sms: '1.0.0' }, mode: all, policy: { upgrades: 'none' }, takes: ['mail 5.0.0', 'sms 1.0.0'] },
    { name: 'never back: a locked version stays though it is yanked and an older one is not', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { yanked: 'x' } } }, locked: { sms: '1.1.0' }, mode: all, takes: ['sms 1.1.0'] },
    { name: 'not forward with one plugin by going back with another', wanted: { a: '*', b: '*' }, releases: { a: { '1.0.0': {}, '1.1.0': { needs: { b: '<1.5.0' } } }, b: ['1.0.0', '1.5.0', '1.6.0'] }, locked: { a: '1.0.0', b: '1.5.0' }, mode: all, takes: ['a 1.0.0', 'b 1.6.0'] },
    { name: 'not to what may not be taken', wanted: { sms: { version: '*', permissions: {} } }, releases: { sms: { '1.0.0': {}, '1.1.0': {}, '1.2.0': { published: NOW }, '1.3.0': { yanked: 'x' }, '1.4.0': { asks: { api: ['evil.com'] } }, '1.5.0': { platform: '>=9' } } }, locked: { sms: '1.0.0' }, mode: all, takes: ['sms 1.1.0'] },
    { name: 'a dependency moves like any other', wanted: { sms: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '^1.0.0' } } }, tpl: ['1.0.0', '1.2.0', '2.0.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, mode: all, takes: ['sms 1.0.0', 'tpl 1.2.0'] },
    { name: 'a dependency can be named', wanted: { sms: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '*' } }, '1.1.0': {} }, tpl: ['1.0.0', '1.2.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, mode: only('tpl'), takes: ['sms 1.0.0', 'tpl 1.2.0'] },
    { name: 'what is not named stays, though its update would let the named one go further', wanted: { sms: '*', tpl: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { needs: { tpl: '^1.1.0' } } }, tpl: ['1.0.0', '1.1.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, mode: only('sms'), takes: ['sms 1.0.0', 'tpl 1.0.0'] },
    { name: 'both named, both move', wanted: { sms: '*', tpl: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { needs: { tpl: '^1.1.0' } } }, tpl: ['1.0.0', '1.1.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, mode: only('sms', 'tpl'), takes: ['sms 1.1.0', 'tpl 1.1.0'] },
    { name: 'a dependency of the named one alone moves with it', wanted: { sms: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '1.0.0' } }, '1.1.0': { needs: { tpl: '^1.1.0' } } }, tpl: ['1.0.0', '1.1.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, mode: only('sms'), takes: ['sms 1.1.0', 'tpl 1.1.0'] },
    { name: 'no dependency goes further than the policy', wanted: { sms: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '^1.0.0' } }, '1.1.0': { needs: { tpl: '^2.0.0' } } }, tpl: ['1.0.0', '2.0.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, mode: only('sms'), takes: ['sms 1.0.0', 'tpl 1.0.0'] },
    { name: 'naming nothing moves nothing', wanted: { sms: '*' }, releases: sms, locked: { sms: '1.0.0' }, mode: only(), takes: ['sms 1.0.0'] },
  ]
  test.each(cases)('$name', (of) => {
    expect(taken(of)).toEqual(of.takes)
  })

  test('tells what was too far', () => {
    expect(resolved(one('*', all, 'patch')).selections[0]?.keptBack).toEqual([
      { version: '2.1.0-beta.1', code: 'channel', detail: 'is a prerelease, and the channel is stable' },
      { version: '2.0.0', code: 'level', detail: 'is a major step from 1.0.0, and policy.upgrades is patch' },
      { version: '1.1.0', code: 'level', detail: 'is a minor step from 1.0.0, and policy.upgrades is patch' },
    ])
  })

  test('tells who was in the way', () => {
    const { selections } = resolved({ wanted: { sms: '*', tpl: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { needs: { tpl: '^1.1.0' } } }, tpl: ['1.0.0', '1.1.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, mode: only('sms') })
    expect(selections.map((s) => s.keptBack)).toEqual([[{ version: '1.1.0', code: 'dependency', detail: 'needs tpl ^1.1.0, and 1.0.0 is taken' }], []])
  })

  test('what is past the range is not kept back: nobody asked for it', () => {
    expect(resolved(one('^1.0.0', all)).selections[0]?.keptBack).toEqual([])
  })
})

describe('update and decisions', () => {
  test('a locked plugin without a grant stays when its next version asks for something, and the YAML is shown', () => {
    const { selections, waiting } = resolved({ wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { asks: { hooks: ['order.placed'] } } } }, locked: { sms: '1.0.0' }, mode: all })
    expect(selections).toMatchObject([{ id: 'sms', locked: true, keptBack: [{ version: '1.1.0', code: 'permissions', detail: 'asks for hooks order.placed, and plugins.yaml does not say yet what it may do' }] }])
    expect(waiting).toMatchObject([{ id: 'sms', code: 'GRANT_MISSING', hint: 'plugins:\n  sms:\n    permissions:\n      hooks: [order.placed]', candidate: { version: '1.1.0' } }])
  })

  test('a new dependency without an entry keeps back what needs it, not the version before', () => {
    const releases: Releases = { sms: { '1.0.0': {}, '1.0.1': {}, '1.1.0': { needs: { tpl: '*' } } }, tpl: { '1.0.0': { asks: { api: ['a.com'] } } }, mail: ['1.0.0', '1.1.0'] }
    const { selections, waiting } = resolved({ wanted: { sms: '*', mail: '*' }, releases, locked: lockOf({ sms: '1.0.0', mail: '1.0.0' }, releases), mode: all })
    expect(selections.map((s) => `${s.id} ${s.candidate.version}`)).toEqual(['mail 1.1.0', 'sms 1.0.1'])
    expect(waiting.map((w) => [w.id, w.code])).toEqual([['tpl', 'GRANT_MISSING']])
    expect(selections[1]?.keptBack).toMatchObject([{ version: '1.1.0', code: 'dependency', detail: 'needs tpl, which waits for a decision' }])
  })
})
