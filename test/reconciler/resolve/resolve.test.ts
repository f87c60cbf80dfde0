import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../schemas/digest.ts'
import { resolve } from '../../../reconciler/resolve/resolve.ts'
import { candidate, hold, inputOf, lockOf, NOW, resolved, short, taken, type Case, type Releases } from './fixtures.ts'

const YESTERDAY = '2026-11-22T00:00:00Z'
const api = (...hosts: string[]): { api: string[] } => ({ api: hosts })

describe('what is taken', () => {
  const cases: readonly (Case & { readonly name: string; readonly takes: readonly string[] })[] = [
    { name: 'the newest version', wanted: { sms: '*' }, releases: { sms: ['1.0.0', '1.10.0', '1.9.0'] }, takes: ['sms 1.10.0'] },
    { name: 'the newest inside the range', wanted: { sms: '^1.0.0' }, releases: { sms: ['1.0.0', '1.2.0', '2.0.0'] }, takes: ['sms 1.2.0'] },
    { name: 'no prerelease on the stable channel', wanted: { sms: '*' }, releases: { sms: ['1.0.0', '1.1.0-beta.1'] }, takes: ['sms 1.0.0'] },
    { name: 'a prerelease on the beta channel', wanted: { sms: { version: '*', channel: 'beta' } }, releases: { sms: ['1.0.0', '1.1.0-beta.1'] }, takes: ['sms 1.1.0-beta.1'] },
    { name: 'a prerelease typed exactly', wanted: { sms: '1.1.0-beta.1' }, releases: { sms: ['1.0.0', '1.1.0-beta.1', '1.1.0-beta.2'] }, takes: ['sms 1.1.0-beta.1'] },
    { name: 'what is needed, in what range it is needed', wanted: { sms: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '^1.0.0' } } }, tpl: ['1.0.0', '1.3.0', '2.0.0'] }, takes: ['sms 1.0.0', 'tpl 1.3.0'] },
    { name: 'nothing that nobody needs', wanted: { sms: '*' }, releases: { sms: ['1.0.0'], tpl: ['1.0.0'] }, takes: ['sms 1.0.0'] },
    { name: 'an older version when the newest needs what cannot be had', wanted: { sms: '*', tpl: '^1.0.0' }, releases: { sms: { '1.0.0': { needs: { tpl: '^1.0.0' } }, '1.1.0': { needs: { tpl: '^2.0.0' } } }, tpl: ['1.0.0', '2.0.0'] }, takes: ['sms 1.0.0', 'tpl 1.0.0'] },
    { name: 'an older version when the newest needs what nobody has', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { needs: { ghost: '*' } } }, ghost: [] }, takes: ['sms 1.0.0'] },
    { name: 'an older version when the newest needs what was never heard of', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { needs: { ghost: '*' } } } }, takes: ['sms 1.0.0'] },
    { name: 'two that conflict in other versions', wanted: { ga: '*', gtm: '*' }, releases: { ga: { '1.0.0': {}, '2.0.0': { conflicts: { gtm: '<2.0.0' } } }, gtm: ['1.0.0'] }, takes: ['ga 1.0.0', 'gtm 1.0.0'] },
    { name: 'what conflicts with something that is not there', wanted: { ga: '*' }, releases: { ga: { '1.0.0': { conflicts: { gtm: '*', ghost: '*' } } }, gtm: ['1.0.0'] }, takes: ['ga 1.0.0'] },
    { name: 'a conflict range hits prereleases as well', wanted: { ga: '*', gtm: { version: '*', channel: 'beta' } }, releases: { ga: { '1.0.0': {}, '2.0.0': { conflicts: { gtm: '>=1.0.0' } } }, gtm: ['1.1.0-beta.1'] }, takes: ['ga 1.0.0', 'gtm 1.1.0-beta.1'] },
    { name: 'a conflict range hits the prerelease that another plugin needs', wanted: { ga: '*', sms: '*' }, releases: { ga: { '1.0.0': {}, '2.0.0': { conflicts: { tpl: '>=1.0.0' } } }, sms: { '1.0.0': { needs: { tpl: '2.0.0-beta.1' } } }, tpl: ['2.0.0-beta.1'] }, takes: ['ga 1.0.0', 'sms 1.0.0', 'tpl 2.0.0-beta.1'] },
    { name: 'what fits the platform', wanted: { sms: '*' }, catalyst: '3.2.0', releases: { sms: { '1.0.0': { platform: '>=2' }, '2.0.0': { platform: '>=4' } } }, takes: ['sms 1.0.0'] },
    { name: 'a prerelease of the platform counts as its version', wanted: { sms: '*' }, catalyst: '4.0.0-rc.1', releases: { sms: { '1.0.0': { platform: '>=3' } } }, takes: ['sms 1.0.0'] },
    { name: 'not what is yanked', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { yanked: 'sends twice' } } }, takes: ['sms 1.0.0'] },
    { name: 'not what an advisory withdraws', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { advisories: [{ level: 'withdrawn' }] }, '1.2.0': { advisories: [{ level: 'malicious' }] }, '1.3.0': { advisories: [{ level: 'yanked' }] } } }, takes: ['sms 1.0.0'] },
    { name: 'what only has a notice', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { advisories: [{ level: 'notice' }] } } }, takes: ['sms 1.1.0'] },
    { name: 'not what is rejected', wanted: { sms: { version: '*', reject: ['1.1.0'] } }, releases: { sms: ['1.0.0', '1.1.0'] }, takes: ['sms 1.0.0'] },
    { name: 'not what was rolled back', wanted: { sms: '*' }, releases: { sms: ['1.0.0', '1.1.0'] }, holds: [hold('sms', '1.1.0')], takes: ['sms 1.0.0'] },
    { name: 'what only another plugin was rolled back from', wanted: { sms: '*' }, releases: { sms: ['1.0.0', '1.1.0'] }, holds: [hold('other', '1.1.0')], takes: ['sms 1.1.0'] },
    { name: 'what was rolled back only in its config', wanted: { sms: '*' }, releases: { sms: ['1.0.0', '1.1.0'] }, holds: [hold('sms', '1.1.0', '1.1.0')], takes: ['sms 1.1.0'] },
    { name: 'not what is too young', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { published: YESTERDAY } } }, takes: ['sms 1.0.0'] },
    { name: 'what is just old enough', wanted: { sms: '*' }, policy: { minimumReleaseAge: '12h' }, releases: { sms: { '1.0.0': {}, '1.1.0': { published: YESTERDAY } } }, takes: ['sms 1.1.0'] },
    { name: 'not what comes from the future', wanted: { sms: '*' }, policy: { minimumReleaseAge: '1s' }, releases: { sms: { '1.0.0': {}, '1.1.0': { published: '2030-01-01T00:00:00Z' } } }, takes: ['sms 1.0.0'] },
    { name: 'not what has no readable time', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { published: '2026-99-99T00:00:00Z' } } }, takes: ['sms 1.0.0'] },
    { name: 'any age where the policy asks for none', wanted: { sms: '*' }, policy: { minimumReleaseAge: '0s' }, releases: { sms: { '1.0.0': {}, '1.1.0': { published: NOW } } }, takes: ['sms 1.1.0'] },
    { name: 'a young version that a person typed', wanted: { sms: '1.1.0' }, releases: { sms: { '1.0.0': {}, '1.1.0': { published: YESTERDAY } } }, takes: ['sms 1.1.0'] },
    { name: 'a young version typed with an equals sign', wanted: { sms: '=1.1.0' }, releases: { sms: { '1.1.0': { published: YESTERDAY } } }, takes: ['sms 1.1.0'] },
    { name: 'not a young version that only a plugin pins', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { needs: { tpl: '1.1.0' } } }, tpl: { '1.0.0': {}, '1.1.0': { published: YESTERDAY } } }, takes: ['sms 1.0.0'] },
    { name: 'the newest inside the grant', wanted: { pay: { permissions: api('a.com') } }, releases: { pay: { '1.0.0': { asks: api('a.com') }, '1.1.0': { asks: api('a.com', 'evil.com') } } }, takes: ['pay 1.0.0'] },
    { name: 'the rest goes back with what is kept back', wanted: { pay: { permissions: {} }, sms: '*' }, releases: { pay: { '1.0.0': {}, '2.0.0': { asks: api('evil.com') } }, sms: { '1.0.0': { needs: { pay: '^1.0.0' } }, '2.0.0': { needs: { pay: '^2.0.0' } } } }, takes: ['pay 1.0.0', 'sms 1.0.0'] },
    { name: 'an unsigned source only in the bytes that git names', wanted: { erp: { source: 'github:acme/erp', verify: { unsigned: true, sha256: sha256('erp-1.0.0') } } }, releases: { erp: { '1.0.0': { signer: 'none' }, '1.1.0': { signer: 'none' } } }, takes: ['erp 1.0.0'] },
    { name: 'what can be read among what cannot', wanted: { sms: '*' }, releases: { sms: ['1.0.0', 'banana', ' 9.0.0', 'v8.0.0'] }, takes: ['sms 1.0.0'] },
    { name: 'not a version that names something which is no range', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { needs: { sms: 'latest' } }, '1.2.0': { conflicts: { tpl: '][' } }, '1.3.0': { platform: 'new' } }, tpl: ['1.0.0'] }, takes: ['sms 1.0.0'] },
    { name: 'a plugin that needs itself in the version it is', wanted: { sms: '*' }, releases: { sms: { '1.0.0': { needs: { sms: '^1.0.0' } }, '2.0.0': { needs: { sms: '^1.0.0' } } } }, takes: ['sms 1.0.0'] },
    { name: 'not a plugin that conflicts with itself', wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '2.0.0': { conflicts: { sms: '>=2' } } } }, takes: ['sms 1.0.0'] },
    { name: 'plugins that need each other', wanted: { a: '*' }, releases: { a: { '1.0.0': { needs: { b: '^1.0.0' } }, '2.0.0': { needs: { b: '^2.0.0' } } }, b: { '1.0.0': { needs: { a: '^1.0.0' } }, '2.0.0': { needs: { a: '^1.0.0' } } } }, takes: ['a 1.0.0', 'b 1.0.0'] },
    { name: 'the prerelease that a prerelease needs by name', wanted: { sms: { version: '*', channel: 'beta' } }, releases: { sms: { '2.0.0-beta.1': { needs: { tpl: '^2.0.0-beta.1' } } }, tpl: ['1.0.0', '2.0.0-beta.2'] }, takes: ['sms 2.0.0-beta.1', 'tpl 2.0.0-beta.2'] },
    { name: 'no prerelease that a range merely spans', wanted: { sms: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '>=1' } } }, tpl: ['1.0.0', '2.0.0-beta.2'] }, takes: ['sms 1.0.0', 'tpl 1.0.0'] },
    { name: 'nothing at all for an empty file', wanted: {}, releases: { sms: ['1.0.0'] }, takes: [] },
  ]
  test.each(cases)('$name', (of) => {
    expect(taken(of)).toEqual(of.takes)
  })

  test('of one version listed twice, always the same bytes', () => {
    const two = [candidate('sms', '1.0.0', { bytes: 'one' }), candidate('sms', '1.0.0', { bytes: 'two' })]
    const input = inputOf({ wanted: { sms: '*' }, releases: {} })
    const bytes = (list: typeof two): string => resolve({ ...input, candidates: new Map([['sms', list]]) }).selections[0]!.candidate.artifact.sha256
    expect(bytes(two)).toBe(bytes([...two].reverse()))
  })

  test('tells what asked for it', () => {
    const { selections } = resolved({ wanted: { sms: '^1.0.0', mail: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '*', sms: '*' } } }, mail: { '1.0.0': { needs: { tpl: '*' } } }, tpl: ['1.0.0'] } })
    expect(selections.map(({ id, requested, wantedBy }) => ({ id, requested, wantedBy }))).toEqual([
      { id: 'mail', requested: '*', wantedBy: [] },
      { id: 'sms', requested: '^1.0.0', wantedBy: [] },
      { id: 'tpl', requested: undefined, wantedBy: ['mail', 'sms'] },
    ])
  })
})

describe('what is locked', () => {
  const sms = (extra: object = {}): Releases => ({ sms: { '1.0.0': extra, '1.1.0': {}, '2.0.0': {} } })
  const cases: readonly (Case & { readonly name: string; readonly takes: readonly string[] })[] = [
    { name: 'stays though newer versions exist', wanted: { sms: '^1.0.0' }, releases: sms(), locked: { sms: '1.0.0' }, takes: ['sms 1.0.0'] },
    { name: 'moves when the range moves', wanted: { sms: '^2.0.0' }, releases: sms(), locked: { sms: '1.0.0' }, takes: ['sms 2.0.0'] },
    { name: 'moves however far the range moves, whatever policy.upgrades says', wanted: { sms: '^2.0.0' }, policy: { upgrades: 'none' }, releases: sms(), locked: { sms: '1.0.0' }, takes: ['sms 2.0.0'] },
    { name: 'stays though it is yanked', wanted: { sms: '^1.0.0' }, releases: sms({ yanked: 'old' }), locked: { sms: '1.0.0' }, takes: ['sms 1.0.0'] },
    { name: 'stays though it is too young', wanted: { sms: '^1.0.0' }, releases: sms({ published: NOW }), locked: { sms: '1.0.0' }, takes: ['sms 1.0.0'] },
    { name: 'stays though an advisory warns of it', wanted: { sms: '^1.0.0' }, releases: sms({ advisories: [{ level: 'malicious' }] }), locked: { sms: '1.0.0' }, takes: ['sms 1.0.0'] },
    { name: 'stays though it is held', wanted: { sms: '^1.0.0' }, releases: sms(), locked: { sms: '1.0.0' }, holds: [hold('sms', '1.0.0')], takes: ['sms 1.0.0'] },
    { name: 'moves when it is rejected', wanted: { sms: { version: '^1.0.0', reject: ['1.0.0'] } }, releases: sms(), locked: { sms: '1.0.0' }, takes: ['sms 1.1.0'] },
    { name: 'moves when the platform left it', wanted: { sms: '^1.0.0' }, releases: sms({ platform: '<3' }), locked: { sms: '1.0.0' }, takes: ['sms 1.1.0'] },
    { name: 'moves when the grant became narrower', wanted: { sms: { version: '^1.0.0', permissions: {} } }, releases: sms({ asks: api('a.com') }), locked: { sms: '1.0.0' }, takes: ['sms 1.1.0'] },
    { name: 'leaves a prerelease when the channel became stable', wanted: { sms: '*' }, releases: { sms: ['1.0.0', '1.1.0-beta.1'] }, locked: { sms: '1.1.0-beta.1' }, takes: ['sms 1.0.0'] },
    { name: 'stays though nobody lists it any more', wanted: { sms: '^1.0.0' }, releases: { sms: ['1.1.0'] }, locked: { sms: '1.0.0' }, takes: ['sms 1.0.0'] },
    { name: 'stays though nobody has the plugin any more', wanted: { sms: '^1.0.0' }, releases: { sms: [] }, locked: { sms: '1.0.0' }, takes: ['sms 1.0.0'] },
    { name: 'goes when plugins.yaml names another registry', wanted: { sms: { version: '^1.0.0', registry: 'other' } }, registries: ['official', 'other'], releases: { sms: ['1.1.0'] }, locked: { sms: '1.0.0' }, takes: ['sms 1.1.0'] },
    { name: 'goes when its registry left plugins.yaml', wanted: { sms: '^1.0.0' }, registries: ['other'], releases: { sms: ['1.1.0'] }, locked: { sms: '1.0.0' }, takes: ['sms 1.1.0'] },
    { name: 'goes when nobody wants it any more', wanted: { mail: '*' }, releases: { sms: ['1.0.0'], mail: ['1.0.0'] }, locked: { sms: '1.0.0' }, takes: ['mail 1.0.0'] },
    { name: 'a new plugin takes an older version rather than move a locked one', wanted: { sms: '*', mail: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '^1.0.0' } } }, mail: { '1.0.0': { needs: { tpl: '^1.0.0' } }, '2.0.0': { needs: { tpl: '^2.0.0' } } }, tpl: ['1.0.0', '2.0.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, takes: ['mail 1.0.0', 'sms 1.0.0', 'tpl 1.0.0'] },
    { name: 'a locked dependency moves when a new plugin leaves no choice', wanted: { sms: '*', mail: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '*' } } }, mail: { '1.0.0': { needs: { tpl: '^2.0.0' } } }, tpl: ['1.0.0', '2.0.0', '2.1.0'] }, locked: { sms: '1.0.0', tpl: '1.0.0' }, takes: ['mail 1.0.0', 'sms 1.0.0', 'tpl 2.1.0'] },
    { name: 'only what must move moves', wanted: { a: '^2.0.0', b: '*', c: '*' }, releases: { a: { '1.0.0': {}, '2.0.0': { needs: { b: '^2.0.0' } } }, b: ['1.0.0', '2.0.0', '2.5.0'], c: ['1.0.0', '3.0.0'] }, locked: { a: '1.0.0', b: '1.0.0', c: '1.0.0' }, takes: ['a 2.0.0', 'b 2.5.0', 'c 1.0.0'] },
    { name: 'a dependency that nobody lists any more keeps its own needs', wanted: { sms: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '*' } } } }, locked: lockOf({ sms: '1.0.0', tpl: '1.0.0', base: '1.0.0' }, { sms: { '1.0.0': { needs: { tpl: '*' } } }, tpl: { '1.0.0': { needs: { base: '*' } } } }), takes: ['base 1.0.0', 'sms 1.0.0', 'tpl 1.0.0'] },
    { name: 'a young version fixes what an advisory says of the locked one', wanted: { sms: '^1.0.0' }, mode: { kind: 'update', ids: 'all', latest: false }, releases: { sms: { '1.0.0': { advisories: [{ level: 'notice', fixedIn: '1.1.0' }] }, '1.1.0': { published: NOW }, '1.2.0': { published: NOW } } }, locked: { sms: '1.0.0' }, takes: ['sms 1.1.0'] },
    { name: 'the cure of another version is no reason', wanted: { sms: '^1.0.0' }, mode: { kind: 'update', ids: 'all', latest: false }, releases: { sms: { '0.9.0': { advisories: [{ level: 'notice', fixedIn: '1.1.0' }] }, '1.0.0': {}, '1.1.0': { published: NOW } } }, locked: { sms: '1.0.0' }, takes: ['sms 1.0.0'] },
  ]
  test.each(cases)('$name', (of) => {
    expect(taken(of)).toEqual(of.takes)
  })

  test('says of what it kept that it is the lock’s own', () => {
    const { selections } = resolved({ wanted: { sms: '^1.0.0', mail: '*' }, releases: { sms: ['1.0.0', '1.1.0'], mail: ['1.0.0'] }, locked: { sms: '1.0.0' } })
    expect(selections.map((s) => [s.id, s.locked])).toEqual([['mail', false], ['sms', true]])
  })

  test('never takes other bytes for a locked version', () => {
    const of: Case = { wanted: { sms: '*' }, releases: { sms: { '1.0.0': { bytes: 're-released' } } }, locked: lockOf({ sms: '1.0.0' }) }
    const { selections, notices } = resolved(of)
    expect(selections[0]?.candidate.artifact.sha256).toBe(sha256('sms-1.0.0'))
    expect(selections[0]?.locked).toBe(true)
    expect(notices).toMatchObject([{ id: 'sms', code: 'RE_RELEASED', message: "sms 1.0.0 is listed with other bytes than the lock has; the lock's are kept" }])
  })

  const told: readonly (Case & { readonly name: string; readonly tells: readonly object[] })[] = [
    {
      name: 'a yanked version',
      wanted: { sms: '*' }, releases: { sms: { '1.0.0': { yanked: 'sends \u001b[31mtwice' } } }, locked: { sms: '1.0.0' },
      tells: [{ id: 'sms', code: 'YANKED', message: 'sms 1.0.0 stays locked, but is yanked: sends \\u{1b}[31mtwice', hint: 'Run `catalyst update sms`.' }],
    },
    {
      name: 'an advisory, with its cure',
      wanted: { sms: '*' }, releases: { sms: { '1.0.0': { advisories: [{ level: 'withdrawn', id: 'CAT-7', title: 'Leaks keys', fixedIn: '1.0.1' }] } } }, locked: { sms: '1.0.0' },
      tells: [{ id: 'sms', code: 'ADVISORY', message: 'sms 1.0.0 has an advisory, level withdrawn: Leaks keys (CAT-7)', hint: 'Fixed in 1.0.1: run `catalyst update sms`.' }],
    },
    {
      name: 'a hold',
      wanted: { sms: '*' }, releases: { sms: ['1.0.0'] }, locked: { sms: '1.0.0' }, holds: [hold('sms', '1.0.0')],
      tells: [{ id: 'sms', code: 'HELD', message: `sms 1.0.0 stays in the lock, but was rolled back at ${YESTERDAY} and is held`, hint: 'To let the lock move on, write into plugins.yaml:\nplugins:\n  sms:\n    reject: [1.0.0]' }],
    },
    {
      name: 'a version that its registry dropped',
      wanted: { sms: '*' }, releases: { sms: ['1.1.0'] }, locked: { sms: '1.0.0' },
      tells: [{ id: 'sms', code: 'UNLISTED', message: 'sms 1.0.0 stays locked, but official does not list it any more', hint: 'Ask the maintainers of official why, or run `catalyst update sms`.' }],
    },
  ]
  test.each(told)('tells of $name', (of) => {
    expect(resolved(of).notices).toEqual(of.tells)
  })

  test('a direct source that lists only its newest releases is no news', () => {
    const releases: Releases = { erp: { '1.0.0': { signer: 'none' } } }
    const of: Case = { wanted: { erp: { source: 'github:acme/erp' } }, releases: { erp: [] }, locked: lockOf({ erp: '1.0.0' }, releases) }
    expect(resolved(of)).toMatchObject({ selections: [{ id: 'erp', locked: true }], waiting: [], notices: [] })
  })
})

describe('what is kept back', () => {
  test('names every newer version in the range with its reason, newest first', () => {
    const { selections } = resolved({
      wanted: { sms: { version: '<9.0.0', permissions: {}, reject: ['1.8.0'] }, tpl: '^1.0.0', ga: '*' },
      holds: [hold('sms', '1.7.0')],
      releases: {
        sms: {
          '0.9.0': {}, '1.0.0': {},
          '1.1.0': { needs: { tpl: '^2.0.0' } },
          '1.2.0': { conflicts: { tpl: '^1.0.0' } },
          '1.3.0': { needs: { ghost: '^1.0.0' } },
          '1.4.0': { published: YESTERDAY },
          '1.5.0': { asks: { api: ['evil.com'], database: ['orders'] } },
          '1.6.0': { platform: '>=4' },
          '1.7.0': {}, '1.8.0': {},
          '1.9.0': { yanked: 'sends twice' },
          '1.9.1': { advisories: [{ level: 'malicious', id: 'CAT-1', title: 'steals' }] },
          '1.9.2': {},
          '2.0.0-rc.1': {},
          '2.0.0': { needs: { tpl: 'new' } },
          '9.0.0': {},
        },
        tpl: ['1.0.0', '2.0.0'],
        ga: { '1.0.0': { needs: { sms: '<1.9.2' } } },
        ghost: [],
      },
    })
    expect(short({ selections, waiting: [], notices: [] })).toEqual(['ga 1.0.0', 'sms 1.0.0', 'tpl 1.0.0'])
    expect(selections.find((s) => s.id === 'sms')?.keptBack).toEqual([
      { version: '2.0.0', code: 'invalid', detail: 'names tpl with `new`, which is not a version range' },
      { version: '2.0.0-rc.1', code: 'channel', detail: 'is a prerelease, and the channel is stable' },
      { version: '1.9.2', code: 'dependency', detail: 'is outside <1.9.2, which ga 1.0.0 needs' },
      { version: '1.9.1', code: 'advisory', detail: 'is malicious: steals (CAT-1)' },
      { version: '1.9.0', code: 'yanked', detail: 'is yanked: sends twice' },
      { version: '1.8.0', code: 'rejected', detail: 'is rejected in plugins.yaml:10' },
      { version: '1.7.0', code: 'held', detail: `was rolled back at ${YESTERDAY} and is held` },
      { version: '1.6.0', code: 'platform', detail: 'needs Catalyst >=4, and the store has 3.2.0' },
      { version: '1.5.0', code: 'permissions', detail: 'asks for api evil.com:443 and database orders: read, which its grant does not allow' },
      { version: '1.4.0', code: 'age', detail: 'is too young until 2026-11-23T00:00:00Z', until: '2026-11-23T00:00:00Z' },
      { version: '1.3.0', code: 'dependency', detail: 'needs ghost ^1.0.0, which no registry has' },
      { version: '1.2.0', code: 'dependency', detail: 'conflicts with tpl ^1.0.0, and 1.0.0 is taken' },
      { version: '1.1.0', code: 'dependency', detail: 'needs tpl ^2.0.0, and 1.0.0 is taken' },
    ])
  })

  test('a newer version that `lock` merely did not look for is not kept back', () => {
    const { selections } = resolved({ wanted: { sms: '*' }, releases: { sms: ['1.0.0', '1.1.0', '1.2.0-beta.1'] }, locked: { sms: '1.0.0' } })
    expect(selections[0]?.keptBack.map((k) => k.version)).toEqual(['1.2.0-beta.1'])
  })

  test('foreign text in a reason cannot move the cursor', () => {
    const { selections } = resolved({ wanted: { sms: '*' }, releases: { sms: { '1.0.0': {}, '1.1.0': { yanked: '\u001b[2J\u202egone' } } } })
    expect(selections[0]?.keptBack[0]?.detail).toBe('is yanked: \\u{1b}[2J\\u{202e}gone')
  })
})
