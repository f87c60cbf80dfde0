import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CatalogStore, Verdict } from '../../catalog/ports.ts'
import { sha256 } from '../../schemas/digest.ts'
import { entry, lineFor } from '../builders/catalog.ts'

/* What the catalog promises, whichever database it is kept in. Every test makes plugins of its own in one database. */

const AT = (minute: number) => `2026-11-30T12:${String(minute).padStart(2, '0')}:00.000Z`
const ANA = { by: 'maintainer:ana', at: AT(30) }

export function catalogContract(open: () => Promise<CatalogStore>): void {
  let store: CatalogStore
  let entries: ReturnType<typeof entry>[] = []
  beforeAll(async () => void (store = await open()))
  afterAll(() => store.close())

  /** Adds entries to those that stand in git. */
  const project = (...more: ReturnType<typeof entry>[]) => {
    entries = [...entries.filter(({ id }) => !more.some((m) => m.id === id)), ...more]
    return store.projectEntries(entries.map((e) => ({ entry: e, digest: sha256(JSON.stringify(e)) })), [], AT(0))
  }
  const save = (...verdicts: Verdict[]) => store.judge(verdicts[0]!.id, 'bot', () => verdicts)
  const listed = (id: string, version: string, odd: Partial<Verdict> = {}): Verdict => {
    const line = lineFor(entry(id), version)
    const release = { repository: line.repository, tag: line.tag, commit: line.commit, artifact: line.artifact, bundle: { url: line.bundle.url, sha256: line.bundle.sha256 }, publishedAt: line.publishedAt }
    return { id, version, verdict: 'listed', decidedAt: AT(1), release, line, evidence: { problems: [], differences: [], proposal: undefined, proof: undefined, entryDigest: undefined, by: undefined }, ...odd }
  }

  describe('entries', () => {
    test('become plugins, once, and go out of sight when git has them no more', async () => {
      expect(await project(entry('alpha'), entry('beta', { tier: 'official' }))).toBe(2)
      expect(await project()).toBe(0)
      expect(await store.plugin('alpha')).toMatchObject({ id: 'alpha', entry: { id: 'alpha' }, status: 'active', latest: undefined, repositoryState: 'unknown', since: AT(0) })
      expect(await store.projectEntries([], [], AT(2))).toBe(2)
      expect(await store.plugin('alpha')).toBeUndefined()
      expect(await project()).toBe(2)
      expect(await store.plugin('alpha')).toMatchObject({ since: AT(0) })
    })

    test('are found by tier, publisher and category, all of them', async () => {
      await project(entry('gamma', { tier: 'generated', publisher: 'bots', categories: ['tax', 'tax'] }), entry('delta', { tier: 'generated', publisher: 'others', categories: ['tax'] }))
      const ids = async (filter: Parameters<CatalogStore['plugins']>[0]) => (await store.plugins(filter, {})).items.map(({ id }) => id)
      expect(await ids({ tier: 'generated' })).toEqual(['delta', 'gamma'])
      expect(await ids({ category: 'tax', publisher: 'bots' })).toEqual(['gamma'])
      expect(await ids({ category: 'none' })).toEqual([])
    })
  })

  describe('pages', () => {
    test('show every row once, in order, whatever comes between', async () => {
      await project(...Array.from({ length: 25 }, (_, n) => entry(`page-${String(n).padStart(2, '0')}`, { publisher: 'pages' })))
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await store.plugins({ publisher: 'pages' }, { limit: 7, ...(cursor === undefined ? {} : { cursor }) })
        seen.push(...page.items.map(({ id }) => id))
        if (seen.length === 7) await project(entry('page-03x', { publisher: 'pages' }))
        cursor = page.next
      } while (cursor !== undefined)
      expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `page-${String(n).padStart(2, '0')}`))
    })

    test('are ordered by code unit in every database', async () => {
      await project(entry('z-a', { publisher: 'order' }), entry('zb', { publisher: 'order' }), entry('z', { publisher: 'order' }))
      expect((await store.plugins({ publisher: 'order' }, {})).items.map(({ id }) => id)).toEqual(['z', 'z-a', 'zb'])
    })

    test.each<[string, (cursor: string) => string]>([
      ['one bit other', (c) => `${c.startsWith('A') ? 'B' : 'A'}${c.slice(1)}`],
      ['longer', (c) => `${c}AAAA`],
      ['shorter', (c) => c.slice(0, -4)],
      ['with a tail that decodes to nothing', (c) => `${c}=`],
      ['huge', () => 'A'.repeat(1_000_000)],
      ['empty', () => ''],
      ['SQL', () => "' OR 1=1 --"],
    ])('a forged cursor (%s) is refused', async (_name, forge) => {
      const { next = '' } = await store.plugins({ publisher: 'pages' }, { limit: 1 })
      await expect(store.plugins({ publisher: 'pages' }, { cursor: forge(next) })).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
    })

    test('a cursor belongs to its list and its filters', async () => {
      const { next = '' } = await store.plugins({ publisher: 'pages' }, { limit: 1 })
      await expect(store.plugins({}, { cursor: next })).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
      await expect(store.audit({ cursor: next })).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
      expect((await store.plugins({ publisher: 'pages' }, { cursor: next, limit: 1 })).items).toHaveLength(1)
    })

    test.each([[0], [-1], [101], [1.5], [Number.NaN]])('a page of %d is refused', async (limit) => {
      await expect(store.plugins({}, { limit })).rejects.toMatchObject({ code: 'INVALID_VALUE' })
    })
  })

  describe('verdicts', () => {
    test('are kept with their evidence, and every one that there ever was', async () => {
      await project(entry('judged'))
      const refused = listed('judged', '1.0.0', { verdict: 'rejected', line: undefined, evidence: { ...listed('judged', '1.0.0').evidence, problems: [{ code: 'BUNDLE_MISSING', message: 'no bundle' }] } })
      await save(refused)
      expect(await store.verdict('judged', '1.0.0')).toEqual(refused)
      const later = listed('judged', '1.0.0', { decidedAt: AT(5) })
      await save(later)
      expect(await store.verdict('judged', '1.0.0')).toEqual(later)
      expect((await store.history('judged', '1.0.0', {})).items.map(({ sequence, verdict }) => [sequence, verdict])).toEqual([[1, 'rejected'], [2, 'listed']])
      expect(await store.plugin('judged')).toMatchObject({ latest: '1.0.0', updatedAt: AT(5) })
    })

    test('that say nothing new are not written again', async () => {
      await project(entry('calm'))
      await save(listed('calm', '1.0.0'))
      await save(listed('calm', '1.0.0', { decidedAt: AT(9) }))
      expect((await store.history('calm', '1.0.0', {})).items).toHaveLength(1)
      expect(await store.verdict('calm', '1.0.0')).toMatchObject({ decidedAt: AT(1) })
    })

    test('are listed newest decision first, by plugin and by kind', async () => {
      await project(entry('many'))
      await save(listed('many', '1.0.0'), listed('many', '1.1.0', { verdict: 'in-review' }), listed('many', '2.0.0-rc.1'))
      expect((await store.verdicts({ id: 'many' }, {})).items.map(({ version }) => version)).toEqual(['2.0.0-rc.1', '1.1.0', '1.0.0'])
      expect((await store.verdicts({ id: 'many', verdict: 'in-review' }, {})).items.map(({ version }) => version)).toEqual(['1.1.0'])
      expect(await store.plugin('many')).toMatchObject({ latest: '1.0.0' })
    })
  })

  describe('what maintainers do', () => {
    test('a yank goes into the line and is no longer the latest; it can be taken back', async () => {
      await project(entry('yanked'))
      await save(listed('yanked', '1.0.0'), listed('yanked', '1.1.0'))
      await store.yank('yanked', '1.1.0', 'loses orders', ANA)
      expect((await store.verdict('yanked', '1.1.0'))?.line?.yanked).toEqual({ reason: 'loses orders' })
      expect(await store.plugin('yanked')).toMatchObject({ latest: '1.0.0' })
      await store.yank('yanked', '1.1.0', undefined, ANA)
      expect((await store.verdict('yanked', '1.1.0'))?.line).not.toHaveProperty('yanked')
      expect(await store.noticesOf('yanked')).toEqual([{ version: '1.1.0', yanked: undefined, advisories: [] }])
    })

    test('a publisher takes away or rewords a publisher’s yank, and no maintainer’s', async () => {
      await project(entry('theirs'))
      await save(listed('theirs', '1.0.0'))
      const publisher = { by: 'publisher:github:acme/theirs', at: AT(31) }
      await store.yank('theirs', '1.0.0', 'slow', publisher)
      await store.yank('theirs', '1.0.0', undefined, publisher)
      await store.yank('theirs', '1.0.0', 'steals cards', ANA)
      for (const reason of [undefined, 'all is well']) await expect(store.yank('theirs', '1.0.0', reason, publisher)).rejects.toMatchObject({ code: 'CONTRADICTION' })
      expect((await store.verdict('theirs', '1.0.0'))?.line?.yanked).toEqual({ reason: 'steals cards' })
      await store.yank('theirs', '1.0.0', undefined, ANA)
      expect((await store.verdict('theirs', '1.0.0'))?.line).not.toHaveProperty('yanked')
    })

    test('an advisory stands in every line that its range covers, a malicious one withdraws', async () => {
      await project(entry('bad'))
      await save(listed('bad', '1.0.0'), listed('bad', '1.1.0-rc.1'), listed('bad', '2.0.0'))
      const advisory = { id: 'CAT-1', level: 'malicious', fixedIn: '2.0.0' } as const
      expect([...(await store.advise('bad', '<2.0.0', advisory, ANA))].sort()).toEqual(['1.0.0', '1.1.0-rc.1'])
      expect(await store.verdict('bad', '1.0.0')).toMatchObject({ verdict: 'withdrawn', line: { advisories: [advisory] }, evidence: { by: 'maintainer:ana: malicious CAT-1' } })
      expect(await store.verdict('bad', '2.0.0')).toMatchObject({ verdict: 'listed' })
      await expect(store.advise('bad', '>=9.0.0', advisory, ANA)).rejects.toMatchObject({ code: 'NO_VERSION' })
    })

    test('a person rejects what is in review and withdraws what is listed, and nothing else', async () => {
      await project(entry('decided'))
      await save(listed('decided', '1.0.0'), listed('decided', '1.1.0', { verdict: 'in-review' }))
      await store.decide('decided', '1.1.0', 'rejected', 'asks for customers', ANA)
      expect(await store.verdict('decided', '1.1.0')).toMatchObject({ verdict: 'rejected', line: undefined, evidence: { by: 'maintainer:ana: asks for customers' } })
      await store.decide('decided', '1.0.0', 'withdrawn', 'broken', ANA)
      expect(await store.verdict('decided', '1.0.0')).toMatchObject({ verdict: 'withdrawn', line: { yanked: { reason: 'broken' } } })
      await expect(store.decide('decided', '1.1.0', 'withdrawn', 'again', ANA)).rejects.toMatchObject({ code: 'CONTRADICTION' })
      await expect(store.decide('decided', '9.9.9', 'withdrawn', 'x', ANA)).rejects.toMatchObject({ code: 'NO_VERSION' })
      await expect(store.requestIngest('nobody', ANA)).rejects.toMatchObject({ code: 'UNKNOWN_PLUGIN' })
    })

    test('everything stands in the audit, with who and when', async () => {
      await project(entry('audited'))
      await store.requestIngest('audited', ANA)
      const [event] = (await store.audit({ limit: 1 })).items
      expect(event).toMatchObject({ by: 'maintainer:ana', at: AT(30), event: 'ingest.asked', subject: 'audited' })
    })
  })

  test('one alarm of a kind stays open per subject; what is over is closed, and may be raised again', async () => {
    await project(entry('alarmed'))
    const alarm = { kind: 'release-edited', id: 'alarmed', version: '1.0.0', message: 'other bytes' } as const
    const [first] = await store.raise([alarm], AT(1))
    expect(await store.raise([alarm], AT(2))).toEqual([])
    expect((await store.alarms({ open: true, id: 'alarmed' }, {})).items).toEqual([{ ...alarm, number: first?.number, raisedAt: AT(1), closedAt: undefined }])
    await store.settle('alarmed', ['release-edited'], [alarm], AT(3))
    expect((await store.alarms({ open: true, id: 'alarmed' }, {})).items).toHaveLength(1)
    await store.settle('alarmed', ['release-edited'], [], AT(3))
    expect((await store.alarms({ open: true, id: 'alarmed' }, {})).items).toEqual([])
    const [second] = await store.raise([alarm], AT(4))
    await store.closeAlarm(second?.number ?? 0, ANA)
    await expect(store.closeAlarm(second?.number ?? 0, ANA)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  describe('deliveries', () => {
    const delivery = (id: string, repositoryId: unknown, odd: object = {}) => ({ deliveryId: id, event: 'release', payload: { repository: { id: repositoryId } }, receivedAt: AT(10), ...odd })

    test('make a repository wanted once, however often and in whatever order they come', async () => {
      await project(entry('hooked'))
      const repository = entry('hooked').repositories[0]!.id
      await store.saveRepository({ ...(await store.repository(repository))!, checkedAt: AT(9) })
      expect((await store.repository(repository))?.wantedSince).toBeUndefined()
      expect(await store.accept(delivery('delivery-1', repository))).toBe('queued')
      expect(await store.accept(delivery('delivery-1', repository))).toBe('duplicate')
      expect(await store.accept(delivery('delivery-0', repository, { event: 'push', receivedAt: AT(8) }))).toBe('queued')
      expect(await store.repository(repository)).toMatchObject({ wantedSince: AT(10) })
    })

    test('that come while a repository is looked at are not forgotten', async () => {
      await project(entry('racing'))
      const id = entry('racing').repositories[0]!.id
      const begun = (await store.repository(id))!
      await store.accept(delivery('delivery-race', id))
      await store.saveRepository({ ...begun, checkedAt: AT(11) })
      expect((await store.repository(id))?.wantedSince).toBeDefined()
      await store.saveRepository({ ...(await store.repository(id))!, checkedAt: AT(12) })
      expect((await store.repository(id))?.wantedSince).toBeUndefined()
    })

    test('that come while a repository turns out unchanged are not forgotten either', async () => {
      await project(entry('calm-one'), entry('calm-two'))
      const ids = ['calm-one', 'calm-two'].map((name) => entry(name).repositories[0]!.id)
      const begun = await Promise.all(ids.map(async (id) => (await store.repository(id))!))
      await store.accept(delivery('delivery-calm', ids[1]))
      await store.saveUnchanged(begun, AT(13))
      expect(await store.repository(ids[0]!)).toMatchObject({ checkedAt: AT(13), wantedSince: undefined })
      expect(await store.repository(ids[1]!)).toMatchObject({ checkedAt: AT(13), wantedSince: AT(0) })
    })

    test('of strangers and of other events are ignored, malformed ones refused', async () => {
      expect(await store.accept(delivery('delivery-2', 999_999_999_999))).toBe('ignored')
      expect(await store.accept(delivery('delivery-3', 1, { event: 'star' }))).toBe('ignored')
      for (const odd of [delivery('x', 1), delivery('delivery-4', '1'), delivery('delivery-5', -1), delivery('delivery-6', 1, { payload: null }), delivery("'; DROP TABLE x; --", 1)]) {
        await expect(store.accept(odd)).rejects.toMatchObject({ code: 'DELIVERY_INVALID' })
      }
    })
  })

  test('repositories are due: new ones first, then those looked at longest ago; wanted are those that somebody wants', async () => {
    const [one, two, three] = [entry('due-one'), entry('due-two'), entry('due-three')].map((e) => e.repositories[0]!.id)
    await project(entry('due-one'), entry('due-two'), entry('due-three'))
    const ids = (repositories: readonly { id: number }[]) => repositories.map(({ id }) => id)
    for (let left = await store.due(100, AT(20)); left.length > 0; left = await store.due(100, AT(20))) for (const repository of left) await store.saveRepository({ ...repository, checkedAt: AT(21) })
    for (const [n, id] of [one, two, three].entries()) await store.saveRepository({ ...(await store.repository(id!))!, checkedAt: AT(15 - n) })
    expect(ids(await store.due(2, AT(20)))).toEqual([three, two])
    expect(await store.due(3, AT(14))).toHaveLength(1)
    expect(await store.wanted(2, AT(20))).toEqual([])
    await store.requestIngest('due-one', ANA)
    await project(entry('due-four'))
    expect(ids(await store.wanted(2, AT(40)))).toEqual([entry('due-four').repositories[0]!.id, one])
    expect(ids(await store.wanted(2, AT(15)))).toEqual([entry('due-four').repositories[0]!.id])
  })

  test('notes are kept by name, and forgotten', async () => {
    await store.writeNote('sweep', 'x')
    await store.writeNote('sweep', 'y')
    expect(await store.note('sweep')).toBe('y')
    await store.writeNote('sweep', undefined)
    expect(await store.note('sweep')).toBeUndefined()
  })

  test('a proposal is there until its repository has an entry', async () => {
    const repository = entry('proposed').repositories[0]!
    await store.saveProposals([{ repository: { url: repository.url, id: repository.id, ownerId: repository.ownerId }, suggestedId: 'proposed', description: undefined, entry: 'id: proposed\n', problems: [], foundAt: AT(1) }])
    expect((await store.proposals({})).items).toMatchObject([{ suggestedId: 'proposed', foundAt: AT(1) }])
    await project(entry('proposed'))
    expect((await store.proposals({})).items).toEqual([])
  })

  test('numbers of the whole are told', async () => {
    const stats = await store.stats()
    expect(stats.plugins.generated).toBe(2)
    expect(stats.versions).toMatchObject({ withdrawn: 3, rejected: 1 })
    expect(stats.repositories).toBeGreaterThan(20)
    await store.ping()
  })
}
