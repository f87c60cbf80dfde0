import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { servedPath } from '../../api/served-path.ts'

const D = 'a'.repeat(64)

describe('what is served', () => {
  test.each([
    ['/registry.yaml', 'registry.yaml'],
    ['/entries/stripe-payments.yaml', 'entries/stripe-payments.yaml'],
    ['/index/st/ri/stripe-payments', 'index/st/ri/stripe-payments'],
    ['/index/1/a', 'index/1/a'],
    ['/index/3/s/sms', 'index/3/s/sms'],
    ['/artifacts/sms-1.0.0.tgz', 'artifacts/sms-1.0.0.tgz'],
    ['/artifacts/sms-1.0.0%2Bbuild.tgz', 'artifacts/sms-1.0.0+build.tgz'],
    ['/bundles/sms-1.0.0.tgz.sigstore.json', 'bundles/sms-1.0.0.tgz.sigstore.json'],
    ['/metadata/timestamp.json', 'metadata/timestamp.json'],
    ['/upstream/2.root.json', 'upstream/2.root.json'],
    ['/metadata/12.root.json', 'metadata/12.root.json'],
    ['/metadata/3.entries-bin-0f.json', 'metadata/3.entries-bin-0f.json'],
    [`/targets/${D}.registry.yaml`, `targets/${D}.registry.yaml`],
    [`/targets/entries/${D}.sms.yaml`, `targets/entries/${D}.sms.yaml`],
    [`/targets/index/3/s/${D}.sms`, `targets/index/3/s/${D}.sms`],
  ])('%s', (url, path) => expect(servedPath(url)?.path).toBe(path))

  test('only names that are digests may be kept for ever', () => {
    expect(servedPath(`/artifacts/${'a'.repeat(64)}.tgz`)?.cacheControl).toContain('immutable')
    expect(servedPath('/metadata/12.snapshot.json')?.cacheControl).toContain('immutable')
    expect(servedPath('/metadata/timestamp.json')?.cacheControl).toBe('public, max-age=60')
    expect(servedPath('/artifacts/sms-1.0.0.tgz')?.cacheControl).not.toContain('immutable')
    expect(servedPath('/index/3/s/sms')?.cacheControl).toBe('public, max-age=60')
  })
})

describe('what is not', () => {
  test.each([
    '/', '', '/entries', '/entries/', '/entries/.yaml', '/entries/Stripe.yaml', '/entries/a/b.yaml', '/entries/constructor.yaml', '/entries/con.yaml',
    '/index/st/ri/sms', '/index/sms', '/index/3/s/sms/', '/index//3/s/sms', '/registry.yaml/', '/registry.yml', '//registry.yaml', '/trusted-root.json', '/.git/config',
    '/.published.json', '/tuf/1.root.json', '/metadata/', '/upstream/1.targets.json', '/upstream/x/1.root.json', '/metadata/root.json', '/metadata/0.root.json', '/metadata/1.evil.json', '/metadata/1.entries-bin-zz.json', '/metadata/1.root.json/x', '/metadata/..%2f1.root.json',
    `/targets/${D}.registry.yml`, `/targets/entries/sms.yaml`, `/targets/entries/${D}..yaml`, `/targets/index/3/x/${D}.sms`, `/targets/index/${D}.sms`, `/targets/../${D}.registry.yaml`, `/targets/entries/..%2f${D}.sms.yaml`,
    '/artifacts/../registry.yaml', '/artifacts/..%2f..%2fetc%2fpasswd', '/artifacts/%2e%2e/x.tgz', '/artifacts/..%252f..%252fetc.tgz', '/artifacts/%2e%2e%5cx.tgz', '/artifacts/..\\x.tgz',
    '/artifacts/.hidden.tgz', '/artifacts/x.tgz%00', '/artifacts/%00.tgz', '/artifacts/x%00.tgz', '/artifacts/x.tgz/', '/artifacts/sub/x.tgz', '/artifacts/x.tgz;a', '/artifacts/x y.tgz',
    '/artifacts/%c0%ae%c0%ae/x.tgz', '/artifacts/%E0%A4%A', '/artifacts/x.exe', '/bundles/x.tgz', '/entries/C:evil.yaml', `/artifacts/${'a'.repeat(300)}.tgz`, '/artifacts/ｘ.tgz',
  ])('%s', (url) => expect(servedPath(url)).toBeUndefined())

  test('law: whatever is asked for, a path has no step up, no empty step, no hidden file and stays in the places known', () => {
    const piece = fc.oneof(fc.constantFrom('..', '.', '', '%2e%2e', '%2f', '%5c', '\\', '%00', 'entries', 'index', 'artifacts', 'bundles', 'metadata', 'targets', 'timestamp.json', '1.root.json', `${D}.sms`, 'registry.yaml', 'x.tgz', 'a.json', 'sms', '3', 's', '.x.tgz'), fc.string({ maxLength: 6 }))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.constantFrom('/', '%2f', '\\', '//'), (pieces, slash) => {
        const path = servedPath(`/${pieces.join(slash)}`)?.path
        if (path === undefined) return
        expect(path).toMatch(/^(registry\.yaml|entries\/[a-z0-9-]+\.yaml|index\/[a-z0-9/-]+|(metadata|upstream)\/[a-z0-9.-]+|targets\/[a-z0-9./-]+|(artifacts|bundles)\/[A-Za-z0-9][A-Za-z0-9._+-]*)$/)
        expect(path.split('/').some((step) => step === '' || step.startsWith('.'))).toBe(false)
      }),
      { numRuns: 2_000 },
    )
  })
})
