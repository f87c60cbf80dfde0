import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Shop } from './shop.ts'

/* Plugins straight from a GitHub repository, in no registry: `source: github:owner/repo[#path]`. */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
})
afterAll(() => shop.close())

const root = { sigstore: './root.json' } as const

describe('a public repository', () => {
  test('without `signer:` lock prints the observed one to paste, and takes nothing', async () => {
    await shop.world.publish({ id: 'erp', version: '1.0.0' })
    shop.want({ erp: { source: 'github:acme/erp', version: '1.x', ...root } })
    const { exit, result } = await shop.json('lock')
    expect(exit).toBe(3)
    expect(result.waiting).toMatchObject([{ id: 'erp', code: 'SIGNER_MISSING', write: expect.stringContaining('workflow: .github/workflows/release.yml') }])
    expect((await shop.json('apply')).result.outcomes).toEqual([])
  })

  test('with it, the release is proven and applied', async () => {
    shop.want({ erp: { source: 'github:acme/erp', version: '1.x', signer: { workflow: '.github/workflows/release.yml' }, ...root } })
    await shop.settle()
    expect(await shop.installed()).toEqual({ erp: '1.0.0' })
    expect(shop.read('plugins.lock.yaml')).toContain('source: github:acme/erp')
  })

  test('a release by another workflow is refused; the old one stays', async () => {
    await shop.world.publish({ id: 'erp', version: '1.1.0', run: { workflow: '.github/workflows/nightly.yml' } })
    expect(await shop.json('update')).toMatchObject({ exit: 5, problems: [{ code: 'IDENTITY_MISMATCH' }] })
    expect(await shop.installed()).toEqual({ erp: '1.0.0' })
  })
})

test('a plugin in a folder of a shared repository, its bundle only in the attestations API', async () => {
  await shop.world.publish({ id: 'tax', version: '1.0.0', repository: 'acme/many', path: 'plugins/tax', bundleIn: 'api-url' })
  shop.want({ tax: { source: 'github:acme/many#plugins/tax', signer: { workflow: '.github/workflows/release.yml' }, ...root } }, { approvals: [{ removals: ['erp'] }] })
  await shop.settle()
  expect(await shop.installed()).toEqual({ tax: '1.0.0' })
  // Such a bundle has no lasting address, so it is kept with the store repository.
  expect(readdirSync(join(shop.dir, 'plugins.bundles'))).toHaveLength(1)
})

test('a private repository, by token', async () => {
  await shop.world.publish({ id: 'secret', version: '1.0.0', repository: 'acme/secret', private: true })
  const token = shop.world.github.createToken()
  shop.want({ secret: { source: 'github:acme/secret', signer: { workflow: '.github/workflows/release.yml' }, ...root } }, { approvals: [{ removals: ['tax'] }] })
  expect(await shop.json('lock')).toMatchObject({ exit: 5 })
  shop.env['GITHUB_TOKEN'] = token
  await shop.settle()
  expect(await shop.installed()).toEqual({ secret: '1.0.0' })
  expect(shop.read('plugins.lock.yaml')).not.toContain(token)
  delete shop.env['GITHUB_TOKEN']
})

test('an unsigned source needs its digest in git, and every plan says so', async () => {
  const published = await shop.world.publish({ id: 'old', version: '1.0.0', signed: 'no' })
  const source = { source: 'github:acme/old' } as const
  const gone = { approvals: [{ removals: ['secret'] }] }
  shop.want({ old: { ...source, signer: { workflow: '.github/workflows/release.yml' }, ...root } }, gone)
  expect(await shop.json('lock')).toMatchObject({ exit: 5, problems: [{ code: 'BUNDLE_MISSING' }] })
  shop.want({ old: { ...source, verify: { unsigned: true, sha256: `sha256:${'0'.repeat(64)}` } } }, gone)
  expect((await shop.json('lock')).exit).not.toBe(0)
  shop.want({ old: { ...source, verify: { unsigned: true, sha256: published.artifact.sha256 } } }, gone)
  await shop.settle()
  expect((await shop.json('plan')).result.notices).toMatchObject([{ id: 'old', code: 'Unsigned' }])
})
