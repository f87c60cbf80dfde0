import fc from 'fast-check'
import { parse } from 'yaml'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../schemas/digest.ts'
import { normalizePermissions, type PermissionsInput } from '../../../schemas/permissions.ts'
import { grantYaml } from '../../../reconciler/resolve/grant-yaml.ts'
import { lockOf, resolved, short, type Case, type Releases } from './fixtures.ts'

const asks = { api: ['api.stripe.com:443'] }

describe('what waits for a person', () => {
  const cases: readonly (Case & { readonly name: string; readonly takes: readonly string[]; readonly waits: readonly string[] })[] = [
    { name: 'an entry without permissions for what asks for some', wanted: { pay: '*', mail: '*' }, releases: { pay: { '1.0.0': { asks } }, mail: ['1.0.0'] }, takes: ['mail 1.0.0'], waits: ['pay GRANT_MISSING'] },
    { name: 'nothing, where nothing is asked for', wanted: { pay: '*' }, releases: { pay: ['1.0.0'] }, takes: ['pay 1.0.0'], waits: [] },
    { name: 'nothing, where a grant is written, if only an empty one: then the newest inside it is taken', wanted: { pay: { permissions: {} } }, releases: { pay: { '1.0.0': {}, '1.1.0': { asks } } }, takes: ['pay 1.0.0'], waits: [] },
    { name: 'not a silent step back: absent is not empty', wanted: { pay: '*' }, releases: { pay: { '1.0.0': {}, '1.1.0': { asks } } }, takes: [], waits: ['pay GRANT_MISSING'] },
    { name: 'a dependency that asks and has no entry, and what needs it', wanted: { sms: '*', mail: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '*' } } }, tpl: { '1.0.0': { asks } }, mail: ['1.0.0'] }, takes: ['mail 1.0.0'], waits: ['sms DECISION_REQUIRED', 'tpl GRANT_MISSING'] },
    { name: 'what needs it through another one', wanted: { shop: '*', mail: '*' }, releases: { shop: { '1.0.0': { needs: { sms: '*' } } }, sms: { '1.0.0': { needs: { tpl: '*' } } }, tpl: { '1.0.0': { asks } }, mail: ['1.0.0'] }, takes: ['mail 1.0.0'], waits: ['shop DECISION_REQUIRED', 'sms DECISION_REQUIRED', 'tpl GRANT_MISSING'] },
    { name: 'a dependency with an entry of its own does not', wanted: { sms: '*', tpl: { permissions: asks } }, releases: { sms: { '1.0.0': { needs: { tpl: '*' } } }, tpl: { '1.0.0': { asks } } }, takes: ['sms 1.0.0', 'tpl 1.0.0'], waits: [] },
    { name: 'a direct source of which nobody has said who signs', wanted: { erp: { source: 'github:acme/erp' }, mail: '*' }, releases: { erp: { '1.0.0': { signer: 'none' } }, mail: ['1.0.0'] }, takes: ['mail 1.0.0'], waits: ['erp SIGNER_MISSING'] },
    { name: 'signer and grant at once, so that one edit answers both', wanted: { erp: { source: 'github:acme/erp' } }, releases: { erp: { '1.0.0': { signer: 'none', asks } } }, takes: [], waits: ['erp GRANT_MISSING', 'erp SIGNER_MISSING'] },
    { name: 'no signer where git allows these unsigned bytes', wanted: { erp: { source: 'github:acme/erp', verify: { unsigned: true, sha256: sha256('erp-1.0.0') } } }, releases: { erp: { '1.0.0': { signer: 'none' } } }, takes: ['erp 1.0.0'], waits: [] },
    { name: 'a locked plugin whose grant was taken away stays and waits', wanted: { pay: '*' }, releases: { pay: { '1.0.0': { asks } } }, locked: { pay: '1.0.0' }, takes: ['pay 1.0.0'], waits: ['pay GRANT_MISSING'] },
    { name: 'a locked plugin stays at its version though its entry has moved on', wanted: { pay: '^2.0.0' }, releases: { pay: { '1.0.0': {}, '2.0.0': { asks } } }, locked: { pay: '1.0.0' }, takes: ['pay 1.0.0'], waits: ['pay GRANT_MISSING'] },
    { name: 'a locked plugin stays when it would need something new that waits', wanted: { sms: '^2.0.0' }, releases: { sms: { '1.0.0': {}, '2.0.0': { needs: { tpl: '*' } } }, tpl: { '1.0.0': { asks } } }, locked: { sms: '1.0.0' }, takes: ['sms 1.0.0'], waits: ['sms DECISION_REQUIRED', 'tpl GRANT_MISSING'] },
    { name: 'a new plugin waits when it needs more of a locked one than that may be', wanted: { sms: '*', mail: '*' }, releases: { sms: { '1.0.0': { needs: { tpl: '^1.0.0' } } }, mail: { '1.0.0': { needs: { tpl: '*' } }, '2.0.0': { needs: { tpl: '>=1.1.0' } } }, tpl: { '1.0.0': {}, '1.1.0': { asks } } }, locked: { sms: '1.0.0', tpl: '1.0.0' }, takes: ['mail 1.0.0', 'sms 1.0.0', 'tpl 1.0.0'], waits: [] },
    { name: 'locked direct sources keep what the lock proved', wanted: { erp: { source: 'github:acme/erp' } }, releases: { erp: { '1.0.0': { signer: 'none' }, '1.1.0': { signer: 'none' } } }, locked: lockOf({ erp: '1.0.0' }, { erp: { '1.0.0': { signer: 'none' } } }), takes: ['erp 1.0.0'], waits: [] },
    { name: 'what contradicts a plugin that stays waits with it', wanted: { pay: '^2.0.0', ga: '*' }, releases: { pay: { '1.0.0': {}, '2.0.0': { asks } }, ga: { '1.0.0': { conflicts: { pay: '<2.0.0' } } } }, locked: { pay: '1.0.0' }, takes: ['pay 1.0.0'], waits: ['ga DECISION_REQUIRED', 'pay GRANT_MISSING'] },
    { name: 'of a lock that contradicts itself the part that nobody asks about stays', wanted: { c: '*', d: '*' }, releases: { c: { '1.0.0': { conflicts: { d: '*' } }, '2.0.0': { asks } }, d: ['1.0.0'] }, locked: { c: '1.0.0', d: '1.0.0' }, takes: ['d 1.0.0'], waits: ['c DECISION_REQUIRED', 'c GRANT_MISSING'] },
    { name: 'not what could follow a plugin that stays by staying as well', wanted: { pay: '^2.0.0', ga: '*', sms: '*' }, releases: { pay: { '1.0.0': {}, '2.0.0': { asks } }, ga: { '1.0.0': { needs: { pay: '*' } }, '2.0.0': { needs: { pay: '^2.0.0' } } }, sms: ['1.0.0'] }, locked: { pay: '1.0.0', ga: '1.0.0' }, takes: ['ga 1.0.0', 'pay 1.0.0', 'sms 1.0.0'], waits: ['pay GRANT_MISSING'] },
  ]
  test.each(cases)('$name', (of) => {
    const answer = resolved(of)
    expect(short(answer)).toEqual(of.takes)
    expect(answer.waiting.map((w) => `${w.id} ${w.code}`)).toEqual(of.waits)
  })

  test('is told with what it asks for and the YAML to paste', () => {
    const releases: Releases = {
      sms: { '1.0.0': { needs: { tpl: '*' } } },
      mail: { '1.0.0': { needs: { tpl: '*' } } },
      tpl: { '1.2.0': { asks: { filesystem: { templates: 'rw' } } } },
      pay: { '2.1.0': { asks: { database: { orders: 'write', customers: 'read' }, api: ['api.stripe.com', '*.stripe.com:8443'], hooks: ['order.placed'], admin: true } } },
      erp: { '1.0.0': { signer: 'none' } },
    }
    const { waiting } = resolved({ wanted: { sms: '*', mail: '*', pay: '^2.0.0', erp: { source: 'github:acme/erp' } }, releases })
    expect(waiting.map(({ candidate, ...w }) => ({ ...w, version: candidate?.version }))).toEqual([
      { id: 'erp', code: 'SIGNER_MISSING', message: 'erp 1.0.0 comes from github:acme/erp, and plugins.yaml does not say yet who must have signed it', hint: 'Write the `signer:` of the plugin in plugins.yaml.', version: '1.0.0' },
      { id: 'mail', code: 'DECISION_REQUIRED', message: 'mail 1.0.0 needs tpl, which waits for a decision', hint: 'Decide about tpl first, as shown there.', version: '1.0.0' },
      {
        id: 'pay',
        code: 'GRANT_MISSING',
        message: 'pay 2.1.0 asks for admin, api *.stripe.com:8443, api api.stripe.com:443, database customers: read, database orders: write and hooks order.placed, and its entry in plugins.yaml has no `permissions:` yet',
        hint: ['plugins:', '  pay:', '    permissions:', '      database: { customers: read, orders: write }', '      api: ["*.stripe.com:8443", api.stripe.com:443]', '      hooks: [order.placed]', '      admin: true'].join('\n'),
        version: '2.1.0',
      },
      { id: 'sms', code: 'DECISION_REQUIRED', message: 'sms 1.0.0 needs tpl, which waits for a decision', hint: 'Decide about tpl first, as shown there.', version: '1.0.0' },
      {
        id: 'tpl',
        code: 'GRANT_MISSING',
        message: 'tpl 1.2.0, which mail and sms need, asks for filesystem templates: rw, and has no entry in plugins.yaml that would allow it',
        hint: 'plugins:\n  tpl:\n    permissions:\n      filesystem: { templates: rw }',
        version: '1.2.0',
      },
    ])
  })

  test('pasting what is shown is the whole answer', () => {
    const releases: Releases = { sms: { '1.0.0': { needs: { tpl: '*' } } }, tpl: { '1.0.0': { asks } } }
    const first = resolved({ wanted: { sms: '*' }, releases })
    const pasted = parse(first.waiting.find((w) => w.code === 'GRANT_MISSING')?.hint ?? '') as { plugins: Case['wanted'] }
    const second = resolved({ wanted: { sms: '*', ...pasted.plugins }, releases })
    expect([short(second), second.waiting]).toEqual([['sms 1.0.0', 'tpl 1.0.0'], []])
  })
})

describe('the YAML of a grant', () => {
  test('reads back as exactly what was asked for', () => {
    const word = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/), fc.constantFrom('null', 'true', 'no', 'on', 'y', 'n'))
    const path = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_.-]{1,5}(\/[A-Za-z0-9_-]{1,5})?$/).filter((p) => !p.includes('..')), fc.constantFrom('1.5', '0x10', '-', '.', '1e3', 'null'))
    const host = fc.oneof(fc.stringMatching(/^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,6}[A-Za-z0-9])?(:[0-9]{1,5})?$/), fc.constantFrom('1.2', '12', '0x1f', '2026-01-01'))
    const input: fc.Arbitrary<PermissionsInput> = fc.record({
      database: fc.dictionary(word, fc.constantFrom('read', 'write')),
      api: fc.array(host),
      filesystem: fc.dictionary(path, fc.constantFrom('r', 'rw')),
      hooks: fc.array(fc.stringMatching(/^[a-z]+(\.[a-z_]+){1,2}$/)),
      admin: fc.boolean(),
    }) as never
    fc.assert(
      fc.property(input, word, (asked, id) => {
        const normal = normalizePermissions(asked)
        const read = parse(grantYaml(id, normal)) as { plugins: Record<string, { permissions: PermissionsInput | null }> }
        expect(normalizePermissions(read.plugins[id]?.permissions ?? undefined)).toEqual(normal)
      }),
      { numRuns: 300, seed: 20_261_122 },
    )
  })
})
