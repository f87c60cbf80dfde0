import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PassDeps } from '../../../catalog/ingest/pass.ts'
import { startRegistry, type RegistryWorld } from '../../builders/registry-world.ts'

/* A pass takes minutes. What people decide and merge while it downloads is right, and stays. */

let registry: RegistryWorld
let id: string
let count = 0
beforeAll(async () => void (registry = await startRegistry()))
afterAll(() => registry.close())
beforeEach(() => void (id = `slow-${++count}`))

const verdict = async (version: string) => registry.store.verdict(id, version)
const ana = () => ({ by: 'maintainer:ana', at: registry.now() })
const git = () => registry.file(`index/sl/ow/${id}`)!.trim().split('\n').map((line) => JSON.parse(line) as { version: string; yanked?: object; advisories?: object[] })
const merge = (more: string) => registry.index.commit({ files: { [`entries/${id}.yaml`]: `${registry.file(`entries/${id}.yaml`)!}${more}` } })

/** A sweep in which something happens once, while its first release is downloaded. */
async function sweepWhile(happens: () => Promise<unknown>): Promise<void> {
  let once = false
  await registry.pass('sweep', (deps): PassDeps => ({
    ...deps,
    ingest: {
      ...deps.ingest,
      artifacts: {
        ...deps.ingest.artifacts,
        fetch: async (...args: Parameters<typeof deps.ingest.artifacts.fetch>) => {
          if (!once) {
            once = true
            await happens()
          }
          return deps.ingest.artifacts.fetch(...args)
        },
      },
    },
  }))
  expect(once).toBe(true)
}

describe('what a maintainer decides while a pass runs', () => {
  test('an advisory and a withdrawal stay, in the catalog and in git', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.publish({ id, version: '1.1.0' })
    await registry.pass()
    await registry.publish({ id, version: '1.2.0' })
    await sweepWhile(async () => {
      await registry.store.advise(id, '1.0.0', { level: 'malicious', title: 'steals' }, ana())
      await registry.store.decide(id, '1.1.0', 'withdrawn', 'broken', ana())
    })
    expect(await Promise.all(['1.0.0', '1.1.0', '1.2.0'].map(async (version) => (await verdict(version))?.verdict))).toEqual(['withdrawn', 'withdrawn', 'listed'])
    expect(git()).toMatchObject([{ version: '1.0.0', advisories: [{ level: 'malicious' }] }, { version: '1.1.0', yanked: { reason: 'broken' } }, { version: '1.2.0' }])
  })

  test('a no to what the pass is about to list', async () => {
    await registry.publish({ id, version: '1.0.0', manifest: { permissions: { api: ['evil.example'] } } }, { permissions: undefined })
    await registry.pass()
    expect((await verdict('1.0.0'))?.verdict).toBe('in-review')
    await merge('permissions:\n  api: [evil.example]\n')
    await sweepWhile(() => registry.store.decide(id, '1.0.0', 'rejected', 'not wanted', ana()))
    expect(await verdict('1.0.0')).toMatchObject({ verdict: 'rejected', evidence: { by: 'maintainer:ana: not wanted' } })
    expect(registry.lines(id)).toEqual([])
  })
})

describe('the kill list', () => {
  test('is not taken back by a pass that began before it, which lists nothing new either', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    await registry.publish({ id, version: '1.1.0' })
    await sweepWhile(async () => {
      await merge('killed:\n  reason: steals cards\n')
      await registry.pass()
    })
    const killed = { version: '1.0.0', yanked: { reason: 'steals cards' }, advisories: [{ id: 'kill-list', level: 'malicious', title: 'steals cards' }] }
    expect(git()).toMatchObject([killed])
    await registry.pass()
    expect(git()).toMatchObject([killed])
    expect(await verdict('1.1.0')).toMatchObject({ verdict: 'rejected', evidence: { problems: [{ code: 'PLUGIN_KILLED' }] } })
  })

  test('has said what it said: neither a notice nor an entry that says it no longer unsays it', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    const entry = registry.file(`entries/${id}.yaml`)!
    await merge('killed:\n  reason: steals cards\n')
    await registry.pass()
    await registry.store.advise(id, '1.0.0', { level: 'notice', title: 'slow' }, ana())
    await registry.index.commit({ files: { [`entries/${id}.yaml`]: entry } })
    await registry.pass('sweep')
    expect((await verdict('1.0.0'))?.verdict).toBe('withdrawn')
    expect(git()).toMatchObject([{ yanked: { reason: 'steals cards' }, advisories: [{ title: 'slow' }, { id: 'kill-list', level: 'malicious' }] }])
  })
})

describe('a repository that is wanted again while it is looked at', () => {
  const again = (wanted: string): Parameters<RegistryWorld['pass']>[1] => (deps) => ({
    ...deps,
    look: async (watched, signal) => {
      await registry.store.requestIngest(wanted, { by: 'publisher:github:acme/x', at: registry.now() })
      return deps.look(watched, signal)
    },
  })

  test('does not end a sweep: everything has its turn', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass('sweep')
    const all = (await registry.store.stats()).repositories
    await registry.store.requestIngest(id, ana())
    expect(await registry.pass('sweep', again(id))).toMatchObject({ looked: all, stopped: undefined })
    expect(await registry.store.note('sweep-ended')).toBe(registry.now())
  })

  test('has its next turn in the next pass', async () => {
    await registry.publish({ id, version: '1.0.0' })
    await registry.pass()
    await registry.store.requestIngest(id, ana())
    expect((await registry.pass('wanted', again(id))).looked).toBe(1)
    expect((await registry.pass()).looked).toBe(1)
    expect((await registry.pass()).looked).toBe(0)
  })
})
