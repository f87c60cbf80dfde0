import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RELEASE_WORKFLOW } from '../../../examples/world/sigstore/identity.ts'
import { startRegistry, type RegistryWorld } from '../../builders/registry-world.ts'

/* The registry's bot with its real parts: GitHub and Sigstore on loopback, real git, a real database. */

let registry: RegistryWorld
let id: string
let count = 0
beforeAll(async () => void (registry = await startRegistry()))
afterAll(() => registry.close())
beforeEach(() => {
  id = `erp-${++count}`
  registry.world.faults.clear()
})

const verdict = async (version: string) => registry.store.verdict(id, version)
const openAlarms = async () => (await registry.store.alarms({ open: true, id }, {})).items.map(({ kind, version }) => [kind, version])

describe('a merged entry', () => {
  test('lists clean releases by machine: a line in git, a verdict with its proof, nothing else touched', async () => {
    const published = await registry.publish({ id, version: '1.0.0' })
    const report = await registry.pass()
    expect(report.verdicts.listed).toEqual([`${id} 1.0.0`])
    expect(registry.lines(id)).toEqual(['1.0.0'])
    expect(await verdict('1.0.0')).toMatchObject({ verdict: 'listed', line: { artifact: { sha256: published.artifact.sha256 } }, evidence: { proof: { signer: { workflow: RELEASE_WORKFLOW } } } })
    expect((await registry.pass()).published.commit).toBeUndefined()
    expect(report.troubles).toEqual([])
  })

  test('a new release needs no maintainer, and a sweep finds it when no webhook came', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    await registry.publish({ id, version: '1.1.0' })
    expect((await registry.pass('wanted')).looked).toBe(0)
    expect((await registry.pass('sweep')).verdicts.listed).toEqual([`${id} 1.1.0`])
    expect(registry.lines(id)).toEqual(['1.0.0', '1.1.0'])
  })

  test('one bad release holds up no other', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.publish({ id, version: '1.1.0', signed: 'no' })
    await registry.publish({ id, version: '1.2.0', files: { 'dist/index.js': 'eval(code)' } })
    await registry.publish({ id, version: '1.3.0' })
    await registry.pass()
    expect(registry.lines(id)).toEqual(['1.0.0', '1.3.0'])
    expect((await verdict('1.1.0'))?.evidence.problems.map(({ code }) => code)).toEqual(['BUNDLE_MISSING'])
  })

  test('an entry that cannot be read holds up no other and is told', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.index.commit({ files: { 'entries/broken.yaml': 'id: other\n' } })
    const report = await registry.pass()
    expect(registry.lines(id)).toEqual(['1.0.0'])
    expect(report.troubles.map(({ place }) => place?.file)).toContain('entries/broken.yaml')
    await registry.index.commit({ remove: ['entries/broken.yaml'] })
  })

  test('an entry that can be read no longer is none that has gone: its plugin stays, and can be warned of', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    const path = `entries/${id}.yaml`
    const good = registry.file(path)!
    await registry.index.commit({ files: { [path]: `${good}typo: 1\n` } })
    expect((await registry.pass()).troubles.map(({ place }) => place?.file)).toContain(path)
    expect(await registry.store.plugin(id)).toMatchObject({ latest: '1.0.0' })
    const actor = { by: 'maintainer:ana', at: registry.now() }
    expect(await registry.store.advise(id, '*', { level: 'malicious' }, actor)).toEqual(['1.0.0'])
    for (let minute = 0; minute < 12; minute++) await registry.pass()
    await registry.index.commit({ files: { [path]: good } })
    await registry.pass()
    expect(registry.file(`index/er/p-/${id}`)).toContain('malicious')
    expect((await registry.store.audit({ limit: 20 })).items.filter(({ event, subject }) => event === 'entry.removed' && subject === id)).toEqual([])
  })
})

describe('a release beyond its entry is in review, with the change that would allow it', () => {
  const review = async (version = '1.0.0') => {
    await registry.pass('sweep')
    const { verdict: kind, evidence } = (await verdict(version))!
    return { kind, differences: evidence.differences.map(({ kind: k, found }) => `${k} ${found}`), proposal: evidence.proposal }
  }

  test('a new network host', async () => {
    await registry.publish({ id, version: '1.0.0', manifest: { permissions: { api: ['api.acme.com', 'evil.example'] } } }, { permissions: { api: ['api.acme.com'] } })
    expect(await review()).toEqual({
      kind: 'in-review',
      differences: ['host evil.example:443'],
      proposal: `entries/${id}.yaml:12\n+     - evil.example:443`,
    })
    expect(registry.lines(id)).toEqual([])
  })

  test('a new permission where the entry allows none', async () => {
    await registry.publish({ id, version: '1.0.0', manifest: { permissions: { database: { orders: 'write' }, admin: true } } }, { permissions: undefined })
    const { kind, differences, proposal } = await review()
    expect({ kind, differences }).toEqual({ kind: 'in-review', differences: ['permission admin true', 'permission database orders: write'] })
    expect(proposal).toContain('+ permissions:')
    expect(proposal).toContain('orders: write')
  })

  test('another workflow', async () => {
    await registry.publish({ id, version: '1.0.0' }, { signer: { workflow: '.github/workflows/publish.yml' } })
    expect(await review()).toMatchObject({ kind: 'in-review', differences: [`workflow ${RELEASE_WORKFLOW}`], proposal: expect.stringContaining(`+   workflow: ${RELEASE_WORKFLOW}`) })
  })

  test('the repository given to another owner; the proposal, committed as it stands, lets it be listed', async () => {
    const published = await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    registry.world.github.rename(published.repository, `other-${id}/${id}`)
    await registry.publish({ id, version: '1.1.0', repository: `other-${id}/${id}` })
    const { kind, differences, proposal } = await review('1.1.0')
    expect({ kind, differences }).toEqual({ kind: 'in-review', differences: [expect.stringContaining('owner')] })
    expect(await openAlarms()).toEqual([['repository-transferred', undefined]])
    expect(registry.lines(id)).toEqual(['1.0.0'])

    const [place = '', ...lines] = proposal!.split('\n')
    const at = Number(place.split(':')[1]) - 1
    const text = registry.file(`entries/${id}.yaml`)!.split('\n')
    const gone = lines.filter((line) => line.startsWith('-')).map((line) => line.slice(2))
    expect(text.slice(at, at + gone.length)).toEqual(gone)
    text.splice(at, gone.length, ...lines.filter((line) => line.startsWith('+')).map((line) => line.slice(2)))
    await registry.index.commit({ files: { [`entries/${id}.yaml`]: text.join('\n') } })
    await registry.pass()
    expect(registry.lines(id)).toEqual(['1.0.0', '1.1.0'])
  })

  test('what was built elsewhere than where it lies is no matter for review', async () => {
    await registry.publish({ id, version: '1.0.0', run: { repositoryId: 4711 } })
    expect(await review()).toMatchObject({ kind: 'rejected', differences: [] })
  })

  test('nor is what was built from another commit than the tag’s', async () => {
    await registry.publish({ id, version: '1.0.0', run: { sha: 'a'.repeat(40), workflow: '.github/workflows/other.yml' } })
    expect(await review()).toMatchObject({ kind: 'rejected', differences: [] })
  })
})

describe('after it was listed', () => {
  test('other bytes: the digest of the line stays, one alarm, closed when they are back', async () => {
    const { release, artifact } = await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    const line = registry.file(`index/er/p-/${id}`)
    registry.world.github.replaceAsset(release, artifact.name, Buffer.from('other'))
    await registry.pass('sweep')
    await registry.pass('sweep')
    expect(await openAlarms()).toEqual([['release-edited', '1.0.0']])
    expect(registry.file(`index/er/p-/${id}`)).toBe(line)
    registry.world.github.replaceAsset(release, artifact.name, artifact.bytes)
    await registry.pass('sweep')
    expect(await openAlarms()).toEqual([])
  })

  test('a deleted release and a moved tag are alarms; the lines stay', async () => {
    const first = await registry.publish({ id, version: '1.0.0' })
    const second = await registry.publish({ id, version: '1.1.0' })
    await registry.pass()
    registry.world.github.deleteRelease(first.repository, first.release)
    await first.repository.git.commit({ files: { x: 'y' }, tag: second.tag })
    await registry.pass('sweep')
    expect((await openAlarms()).sort()).toEqual([['release-deleted', '1.0.0'], ['tag-moved', '1.1.0']])
    expect(registry.lines(id)).toEqual(['1.0.0', '1.1.0'])
  })

  test('a renamed repository is followed by its number, a deleted one is an alarm, one made anew under its name is not taken', async () => {
    const { repository } = await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    registry.world.github.rename(repository, `acme/${id}-renamed`)
    await registry.pass('sweep')
    expect(await openAlarms()).toEqual([['repository-renamed', undefined]])
    registry.world.github.deleteRepository(repository)
    await registry.pass('sweep')
    expect(await openAlarms()).toEqual([['repository-deleted', undefined]])
    registry.world.github.createRepository(`acme/${id}-renamed`, { id: 4242_000 + count })
    await registry.world.publish({ id, version: '6.6.6', repository: `acme/${id}-renamed` })
    await registry.pass('sweep')
    expect(await openAlarms()).toEqual([['repository-replaced', undefined]])
    expect(registry.lines(id)).toEqual(['1.0.0'])
    expect(await verdict('6.6.6')).toBeUndefined()
  })

  test('an archived repository is told once', async () => {
    const { repository } = await registry.publish({ id, version: '1.0.0' })
    repository.archived = true
    await registry.pass()
    await registry.pass('sweep')
    expect(await openAlarms()).toEqual([['repository-archived', undefined]])
    expect(await registry.store.plugin(id)).toMatchObject({ repositoryState: 'archived' })
  })

  test('a line that somebody edited in git stays as it is, with an alarm', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    const edited = registry.file(`index/er/p-/${id}`)!.replace(/"size":\d+/, '"size":7')
    await registry.index.commit({ files: { [`index/er/p-/${id}`]: edited } })
    await registry.store.yank(id, '1.0.0', 'broken', { by: 'maintainer:ana', at: registry.now() })
    await registry.pass()
    expect(registry.file(`index/er/p-/${id}`)).toBe(edited)
    expect(await openAlarms()).toEqual([['index-edited', '1.0.0']])
  })

  test('yanks, advisories and withdrawals come into git with the next pass', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.publish({ id, version: '1.1.0' })
    await registry.pass()
    const actor = { by: 'maintainer:ana', at: registry.now() }
    await registry.store.yank(id, '1.0.0', 'loses orders', actor)
    await registry.store.advise(id, '1.1.0', { id: 'CAT-1', level: 'malicious', fixedIn: '1.2.0' }, actor)
    await registry.pass()
    const lines = registry.file(`index/er/p-/${id}`)!.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.map(({ version, yanked, advisories }) => ({ version, yanked, advisories }))).toEqual([
      { version: '1.0.0', yanked: { reason: 'loses orders' }, advisories: undefined },
      { version: '1.1.0', yanked: undefined, advisories: [{ id: 'CAT-1', level: 'malicious', fixedIn: '1.2.0' }] },
    ])
  })

  test('a yank by a machine whose clock is behind is not overlooked', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    await registry.pass()
    await registry.store.yank(id, '1.0.0', 'late clock', { by: 'maintainer:ana', at: new Date(Date.parse(registry.now()) - 300_000).toISOString() })
    await registry.pass()
    expect(registry.file(`index/er/p-/${id}`)).toContain('late clock')
  })

  test('the kill list withdraws everything, even when GitHub cannot be asked', async () => {
    const published = await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    registry.world.faults.add({ path: `/repositories/${published.repository.id}`, times: Number.POSITIVE_INFINITY }, { kind: 'status', status: 502 })
    const text = registry.file(`entries/${id}.yaml`)!
    await registry.index.commit({ files: { [`entries/${id}.yaml`]: `${text}killed:\n  reason: steals cards\n` } })
    await registry.pass()
    expect(await verdict('1.0.0')).toMatchObject({ verdict: 'withdrawn', line: { yanked: { reason: 'steals cards' }, advisories: [{ level: 'malicious' }] } })
    expect(registry.file(`index/er/p-/${id}`)).toContain('"malicious"')
    expect(await registry.store.plugin(id)).toMatchObject({ status: 'killed', latest: undefined })
  })
})

test('a bundle that comes late is found by the next sweep, in the attestations and as an asset', async () => {
  const { repository, bundle, artifact } = await registry.publish({ id, version: '1.0.0', bundleIn: 'nowhere' })
  await registry.pass()
  expect(await verdict('1.0.0')).toMatchObject({ verdict: 'rejected', evidence: { problems: [{ code: 'BUNDLE_MISSING' }] } })
  registry.world.github.attest(repository, { digest: artifact.sha256, predicateType: 'https://slsa.dev/provenance/v1', bundle: JSON.parse(bundle!.bytes.toString()) })
  await registry.pass('sweep')
  expect(registry.lines(id)).toEqual(['1.0.0'])
})

test('a delivery makes the next pass look at its repository, and at no other; replayed it makes no other look', async () => {
  const { repository } = await registry.publish({ id, version: '1.0.0' })
  await registry.pass('sweep')
  await registry.publish({ id, version: '1.1.0' })
  const delivery = { deliveryId: `delivery-${id}`, event: 'release', payload: { action: 'published', repository: { id: repository.id } }, receivedAt: registry.now() }
  expect(await registry.store.accept(delivery)).toBe('queued')
  const report = await registry.pass()
  expect(report).toMatchObject({ looked: 1, verdicts: { listed: [`${id} 1.1.0`] } })
  expect(await registry.store.accept(delivery)).toBe('duplicate')
  expect((await registry.pass()).looked).toBe(0)
})

test('a database that was lost is made anew from git', async () => {
  const lost = await startRegistry()
  try {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    const head = registry.index.head
    await registry.pass('sweep', { store: lost.store })
    expect(await lost.store.verdict(id, '1.0.0')).toMatchObject({ verdict: 'listed', evidence: { by: 'git: stood in the index' } })
    expect(registry.index.head).toBe(head)
  } finally {
    await lost.close()
  }
})
