import fc from 'fast-check'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expired } from '../../../reconciler/backup/retention.ts'
import type { BackupRef } from '../../../reconciler/data-ports.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { installRecord } from '../../contracts/records.ts'
import { Ground } from './ground.ts'

const DAY = 86_400_000
const NOW = '2026-11-22T12:00:00Z'

function ref(plugin: string, daysAgo: number): BackupRef {
  return { name: `${plugin}-${daysAgo}`, plugin, version: '1.0.0', store: 's', dialect: 'sqlite', at: new Date(Date.parse(NOW) - daysAgo * DAY).toISOString(), reason: 'r', rows: 0, bytes: 0, digest: sha256('') }
}

describe('which backups go', () => {
  const refs = [...[0, 1, 5, 40, 41].map((d) => ref('a', d)), ...[50, 60].map((d) => ref('b', d))]
  test.each([
    ['two newest of each plugin stay', { keep: 2, keepDays: 0 }, [], ['a-41', 'a-40', 'a-5']],
    ['and all younger than thirty days', { keep: 1, keepDays: 30 }, [], ['b-60', 'a-41', 'a-40']],
    ['and pinned ones', { keep: 1, keepDays: 30 }, ['a-41', 'b-60'], ['a-40']],
    ['keep none', { keep: 0, keepDays: 0 }, [], ['b-60', 'b-50', 'a-41', 'a-40', 'a-5', 'a-1']],
  ] as const)('%s', (_what, policy, pinned, gone) => {
    expect(expired(refs, { ...policy, now: NOW, pinned: new Set(pinned) }).map(({ name }) => name)).toEqual(gone)
  })

  test('a time that cannot be read keeps its backup', () => {
    expect(expired([{ ...ref('a', 1), at: 'nonsense' }], { keep: 0, keepDays: 0, now: NOW, pinned: new Set() })).toEqual([])
  })

  test('law: pinned, young and newest ones never go, whatever the order of the list', () => {
    const list = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b'), fc.nat(100)), { selector: ([p, d]) => `${p}${d}` }).map((all) => all.map(([p, d]) => ref(p, d)))
    fc.assert(
      fc.property(list, fc.nat(5), fc.nat(50), fc.nat(3), (all, keep, keepDays, pins) => {
        const pinned = new Set(all.slice(0, pins).map(({ name }) => name))
        const gone = expired(all, { keep, keepDays, now: NOW, pinned })
        expect(expired(all.toReversed(), { keep, keepDays, now: NOW, pinned })).toEqual(gone)
        for (const one of gone) {
          const newer = all.filter((other) => other.plugin === one.plugin && Date.parse(other.at) > Date.parse(one.at))
          expect(newer.length).toBeGreaterThanOrEqual(keep)
          expect(pinned.has(one.name)).toBe(false)
          expect(Date.parse(one.at)).toBeLessThan(Date.parse(NOW) - keepDays * DAY)
        }
      }),
    )
  })
})

describe('list and prune', () => {
  test('newest first, of one plugin or of all; what goes is gone from list and disk', async () => {
    const ground = await Ground.make()
    try {
      const backups = ground.backups()
      const write = (id: string, at: string) => backups.write(ground.request({ record: installRecord(id), at }))
      const old = await write('alpha', '2026-01-01T00:00:00Z')
      const young = await write('alpha', '2026-11-01T00:00:00.5Z')
      const other = await write('beta', '2026-02-01T00:00:00Z')
      expect(young.name).toMatch(/^alpha-20261101T000000Z-[0-9a-f]{8}$/)
      expect((await backups.list()).map(({ name }) => name)).toEqual([young.name, other.name, old.name])
      expect(await backups.list('alpha')).toEqual([young, old])
      expect(await backups.prune({ keep: 1, keepDays: 1, now: NOW, pinned: new Set() })).toEqual([old.name])
      expect(await backups.list()).toEqual([young, other])
      expect(readdirSync(join(ground.dataDir, '.backups')).sort()).toEqual([young.name, other.name].sort())
    } finally {
      ground.remove()
    }
  })

  test('one that was half removed does not count, and goes with the next prune', async () => {
    const ground = await Ground.make()
    try {
      const { name } = await ground.backups().write(ground.request())
      const failing = ground.backups(() => {
        throw new Error('planted')
      })
      await expect(failing.prune({ keep: 0, keepDays: 0, now: '2026-12-01T00:00:00Z', pinned: new Set() })).rejects.toThrow('planted')
      expect(await ground.backups().list()).toEqual([])
      await expect(ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)).rejects.toMatchObject({ code: expect.stringMatching(/NOT_FOUND|DAMAGED/) })
      await ground.backups().prune({ keep: 5, keepDays: 5, now: '2026-12-01T00:00:00Z', pinned: new Set() })
      expect(ground.rows('SELECT * FROM catalyst_backups')).toEqual([])
    } finally {
      ground.remove()
    }
  })
})
