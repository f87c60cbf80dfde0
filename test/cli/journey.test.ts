import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Shop } from './shop.ts'

/* The main job, end to end, in one store; each step begins where the one before ended. */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('templates', '1.0.0')
  await shop.release('sms', '1.0.0', { manifest: { dependencies: { templates: '^1.0.0' } } })
  await shop.release('feed', '1.0.0')
})
afterAll(() => shop.close())

describe('plugins.yaml becomes verified, installed plugins', () => {
  test('lock chooses, proves and writes; a dependency comes along', async () => {
    shop.want({ sms: { version: '^1.0.0' }, feed: {} })
    const { exit, result } = await shop.json('lock')
    expect(exit).toBe(0)
    expect(result.changes.map((c: { id: string; to: string }) => [c.id, c.to])).toEqual([['feed', '1.0.0'], ['sms', '1.0.0'], ['templates', '1.0.0']])
    expect(shop.read('plugins.lock.yaml')).toContain('lockVersion: 1')
  })

  test('locking again writes nothing', async () => {
    const before = shop.read('plugins.lock.yaml')
    const { result } = await shop.json('lock')
    expect(result.written).toBe(false)
    expect(shop.read('plugins.lock.yaml')).toBe(before)
    expect((await shop.run('lock --check')).exit).toBe(0)
  })

  test('plan shows it without a network; --detailed-exitcode says 2', async () => {
    const count = shop.world.log.count()
    const { exit, result } = await shop.json('plan')
    expect(exit).toBe(0)
    expect(result.changes.map((c: { id: string; action: string }) => `${c.action} ${c.id}`)).toEqual(['install feed', 'install templates', 'install sms'])
    expect((await shop.run('plan --detailed-exitcode')).exit).toBe(2)
    expect(shop.world.log.count()).toBe(count)
  })

  test('apply with another digest changes nothing; with the reviewed one it installs', async () => {
    const { result: reviewed } = await shop.json('plan')
    const refused = await shop.json(`apply --expect sha256:${'0'.repeat(64)}`)
    expect(refused).toMatchObject({ exit: 3, problems: [{ code: 'PLAN_CHANGED' }] })
    expect(await shop.installed()).toEqual({})
    const { exit, result } = await shop.json(`apply --expect ${reviewed.planDigest}`)
    expect(exit).toBe(0)
    expect(result.generation).toBe(1)
    expect(await shop.installed()).toEqual({ feed: '1.0.0', sms: '1.0.0', templates: '1.0.0' })
    expect(readlinkSync(join(shop.dir, '.catalyst/current'))).toBe('generations/1')
  })

  test('law 1: the next plan is empty, and asks nobody', async () => {
    const count = shop.world.log.count()
    const { exit, result } = await shop.json('plan --detailed-exitcode')
    expect(exit).toBe(0)
    expect(result.changes).toEqual([])
    expect((await shop.json('apply')).result).toMatchObject({ activated: false, generation: 1 })
    expect(shop.world.log.count()).toBe(count)
  })

  test('update moves within the policy, and says what it kept back', async () => {
    await shop.release('feed', '1.1.0')
    await shop.release('feed', '1.2.0', { manifest: { permissions: { admin: true } } }).catch(() => undefined)
    await shop.release('templates', '2.0.0')
    const { exit, result } = await shop.json('update')
    expect([0, 5]).toContain(exit)
    expect(result.changes.map((c: { id: string; to: string }) => [c.id, c.to])).toEqual([['feed', '1.1.0']])
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toMatchObject({ feed: '1.1.0', templates: '1.0.0' })
  })

  test('outdated tells what exists and why it is not taken', async () => {
    const { result } = await shop.json('outdated')
    expect(result.plugins.map((p: { id: string; latest: string }) => [p.id, p.latest])).toContainEqual(['templates', '2.0.0'])
  })

  test('why names the clause and the path', async () => {
    const { result, exit } = await shop.json('why templates')
    expect(exit).toBe(0)
    expect(result.paths).toEqual([['sms', 'templates']])
    expect((await shop.run('why templates')).out).toMatch(/plugins\.yaml:\d+ wants sms \^1\.0\.0, sms needs templates \^1\.0\.0/)
  })

  test('rollback of one plugin works offline, and what was left does not come back by itself', async () => {
    const count = shop.world.log.count()
    const { exit, result } = await shop.json('rollback feed')
    expect(exit).toBe(0)
    expect(result.changes).toMatchObject([{ id: 'feed', from: '1.1.0', to: '1.0.0' }])
    expect(await shop.installed()).toMatchObject({ feed: '1.0.0' })
    const { result: plan } = await shop.json('plan')
    expect(plan.changes).toEqual([])
    expect(plan.notices).toMatchObject([{ id: 'feed', code: 'Held' }])
    expect(shop.world.log.count()).toBe(count)
  })

  test('a lifted hold lets it come again', async () => {
    expect((await shop.json('rollback feed --lift')).result).toEqual({ id: 'feed', lifted: 1 })
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toMatchObject({ feed: '1.1.0' })
  })

  test('remove takes it out; code, config, data and tables are kept', async () => {
    expect((await shop.json('remove templates')).problems).toMatchObject([{ code: 'UNKNOWN_PLUGIN' }])
    expect((await shop.json('remove feed')).exit).toBe(0)
    expect(shop.read('plugins.lock.yaml')).toContain('removed:')
    expect((await shop.json('apply')).exit).toBe(0)
    const { result } = await shop.json('status')
    expect(result.plugins.map((p: { id: string }) => p.id)).toEqual(['sms', 'templates'])
    expect(result.retained).toMatchObject([{ id: 'feed', version: '1.1.0' }])
  })

  test('rollback --to brings a whole generation back', async () => {
    expect((await shop.json('rollback --to 1')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ feed: '1.0.0', sms: '1.0.0', templates: '1.0.0' })
    const { result } = await shop.json('generations')
    expect(result.generations.map((g: { generation: number }) => g.generation).at(-1)).toBe(1)
  })

  test('generations marks the newest activation alone as live', async () => {
    const { generations } = (await shop.json('generations')).result
    expect(generations.map((g: { live: boolean }) => g.live)).toEqual([...generations.slice(1).map(() => false), true])
    const live = generations.at(-1).generation
    expect(generations.filter((g: { generation: number }) => g.generation === live).length).toBeGreaterThan(1)
    expect((await shop.run('generations')).out.split('\n').filter((line) => line.startsWith('*'))).toHaveLength(1)
  })

  test('gc keeps what kept generations use', async () => {
    expect((await shop.json('gc --dry-run')).result.trees).toEqual([])
    expect((await shop.json('lease')).result).toEqual({ lease: null, released: false })
  })
})
