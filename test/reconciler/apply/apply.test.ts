import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { CatalystError } from '../../../schemas/errors.ts'
import { apply } from '../../../reconciler/apply/apply.ts'
import { rollback } from '../../../reconciler/apply/rollback.ts'
import type { StoreState } from '../../../reconciler/ports.ts'
import { brokenLink } from '../../../reconciler/store-db/audit.ts'
import { memoryStore } from '../../../reconciler/store-db/memory.ts'
import { collect, planCollection } from '../../../reconciler/state/gc.ts'
import { currentGeneration, liveTrees } from '../../../reconciler/state/generations.ts'
import { openJournal } from '../../../reconciler/state/journal.ts'
import { lookAt, writeStamp } from '../../../reconciler/state/stamp.ts'
import { createProbe } from '../../../sandbox/probe.ts'
import { desired } from '../../builders/store.ts'
import { temporaryStore } from '../state/folder.ts'
import { releaseBlock, worldAt, type Catalogue, type Wish, type World } from './world.ts'

let folder: string
let state: StoreState
let world: World
beforeEach(() => {
  folder = temporaryStore().store
  state = memoryStore()
  world = worldAt(folder, state)
})

const withCatalogue = (catalogue: Catalogue): World => (world = worldAt(folder, state, { catalogue }))
/** id -> version as the live folder says it. */
const liveVersions = (): Record<string, string> =>
  Object.fromEntries([...(liveTrees(world.paths) ?? [])].map(([id]) => [id, JSON.parse(readFileSync(join(world.paths.current, id, 'manifest.json'), 'utf8')).version as string]))
const outcomesOf = (result: Awaited<ReturnType<World['apply']>>): Record<string, string> => Object.fromEntries(result.outcomes.map((o) => [o.id, o.outcome]))
const A1: Wish = { a: { version: '1.0.0' } }
const A2: Wish = { a: { version: '2.0.0' } }

describe('apply', () => {
  test('installs: fetched, proven, unpacked, probed, live and recorded', async () => {
    const result = await world.apply({ a: { version: '1.0.0' }, b: { version: '1.0.0' } })
    expect(outcomesOf(result)).toEqual({ a: 'applied', b: 'applied' })
    expect(result).toMatchObject({ generation: 1, activated: true, recovered: false })
    expect(liveVersions()).toEqual({ a: '1.0.0', b: '1.0.0' })
    expect(world.probed.sort()).toEqual(['a 1.0.0', 'b 1.0.0'])
    const store = await state.read()
    expect(store.installs.map((r) => r.id)).toEqual(['a', 'b'])
    expect(store.generation?.number).toBe(1)
    expect(result.serial).toBe(store.serial)
    const audit = await state.audit({ limit: 10 })
    expect(audit.map((r) => [r.event, r.id])).toEqual([['install', 'a'], ['install', 'b']])
    expect(audit.at(-1)?.chain).toBe(result.auditHead)
    expect(await state.lease(world.deps.clock())).toBeUndefined()
    expect(existsSync(world.paths.journal)).toBe(false)
    expect(lstatSync(join(world.paths.current, 'a/')).mode & 0o222).toBe(0)
  })

  test('law 1: the next plan is empty, and applying it changes nothing', async () => {
    await world.apply(A1)
    expect((await world.plan(A1)).changes).toEqual([])
    const before = await state.read()
    const again = await world.apply(A1)
    expect(again).toMatchObject({ outcomes: [], activated: false, generation: 1, serial: before.serial, auditHead: undefined })
    expect(await state.read()).toEqual(before)
  })

  test('upgrade, downgrade, removal: each a generation, history in order', async () => {
    await world.apply(A1)
    await world.apply(A2)
    expect(liveVersions()).toEqual({ a: '2.0.0' })
    await world.apply({ a: { version: '2.0.0' }, b: { version: '1.0.0' } })
    await world.apply({ b: { version: '1.0.0' } })
    expect(liveVersions()).toEqual({ b: '1.0.0' })
    const store = await state.read()
    expect(store.activations.map((a) => a.generation)).toEqual([1, 2, 3, 4])
    expect(store.retained).toMatchObject([{ id: 'a', block: { version: '2.0.0' }, generation: 4 }])
    expect((await state.audit({ limit: 10 })).map((r) => r.event)).toEqual(['install', 'upgrade', 'install', 'remove'])
  })

  test('a removed plugin keeps its code: gc with one generation kept does not take it', async () => {
    await world.apply({ ...A1, b: { version: '1.0.0' } })
    await world.apply({ b: { version: '1.0.0' } })
    const store = await state.read()
    collect(world.paths, planCollection(world.paths, store, { now: world.deps.clock(), keep: 1 }))
    const hex = releaseBlock('a', '1.0.0').tree.slice(7)
    expect(existsSync(join(world.paths.trees, hex, 'index.js'))).toBe(true)
    world.fetched.length = 0
    await world.apply({ ...A1, b: { version: '1.0.0' } })
    expect(world.fetched).toEqual([])
    expect((await state.read()).retained).toEqual([])
  })

  test('configure updates the record and fetches nothing; switching off takes it out of the live generation only', async () => {
    await world.apply(A1)
    world.fetched.length = 0
    world.probed.length = 0
    await world.apply({ a: { version: '1.0.0', config: { colour: 'red' } } })
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    await world.apply({ a: { version: '1.0.0', config: { colour: 'red' }, enabled: false } })
    expect(liveVersions()).toEqual({})
    expect((await state.read()).installs).toMatchObject([{ id: 'a', enabled: false }])
    expect(world.probed).toEqual([])
    await world.apply({ a: { version: '1.0.0', config: { colour: 'red' } } })
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    expect(world.probed).toEqual(['a 1.0.0'])
    expect(world.fetched).toEqual([])
  })

  test('same content makes no new generation, also when it is an older one', async () => {
    await world.apply(A1)
    await world.apply(A2)
    const back = await world.apply(A1)
    expect(back).toMatchObject({ generation: 1, activated: true })
    const store = await state.read()
    expect(store.generations.map((g) => g.number)).toEqual([1, 2])
    expect(store.activations.map((a) => a.generation)).toEqual([1, 2, 1])
    expect((await world.plan(A1)).changes).toEqual([])
  })

  test('installing something switched off stages it, does not start it, and records it', async () => {
    await world.apply({ a: { version: '1.0.0', enabled: false } })
    expect(liveVersions()).toEqual({})
    expect(world.probed).toEqual([])
    expect(existsSync(world.paths.tree(releaseBlock('a', '1.0.0').tree))).toBe(true)
    expect((await world.plan({ a: { version: '1.0.0', enabled: false } })).changes).toEqual([])
  })
})

describe('one bad release', () => {
  const two: Wish = { a: { version: '1.0.0' }, b: { version: '1.0.0' } }

  test('law 6: that plugin is unchanged, the others are applied', async () => {
    withCatalogue({ 'a@2.0.0': { broken: true } })
    await world.apply(two)
    const result = await world.apply({ a: { version: '2.0.0' }, b: { version: '2.0.0' } })
    expect(outcomesOf(result)).toEqual({ a: 'failed', b: 'applied' })
    expect(result.outcomes.find((o) => o.id === 'a')?.error).toMatchObject({ code: 'PROBE_FAILED' })
    expect(liveVersions()).toEqual({ a: '1.0.0', b: '2.0.0' })
    expect((await state.read()).installs.map((r) => r.block.version)).toEqual(['1.0.0', '2.0.0'])
    expect((await state.audit({ limit: 1 })).map((r) => r.id)).toEqual(['b'])
  })

  test('a group switches together: its dependents stay too, in either direction', async () => {
    const needs = { needs: { a: '*' } }
    withCatalogue({ 'a@2.0.0': { broken: true }, 'b@1.0.0': needs, 'b@2.0.0': needs })
    await world.apply({ ...two, c: { version: '1.0.0' } })
    const result = await world.apply({ a: { version: '2.0.0' }, b: { version: '2.0.0' }, c: { version: '2.0.0' } })
    expect(outcomesOf(result)).toEqual({ a: 'failed', b: 'skipped', c: 'applied' })
    expect(result.outcomes.find((o) => o.id === 'b')?.because).toBe('a')
    expect(liveVersions()).toEqual({ a: '1.0.0', b: '1.0.0', c: '2.0.0' })
    withCatalogue({ 'b@1.0.0': needs, 'b@3.0.0': { ...needs, broken: true } })
    const other = await world.apply({ a: { version: '3.0.0' }, b: { version: '3.0.0' }, c: { version: '2.0.0' } })
    expect(outcomesOf(other)).toEqual({ a: 'skipped', b: 'failed' })
    expect(liveVersions()).toEqual({ a: '1.0.0', b: '1.0.0', c: '2.0.0' })
  })

  test('everything failed: nothing is recorded, no generation is made', async () => {
    withCatalogue({ 'a@1.0.0': { broken: true } })
    const result = await world.apply(A1)
    expect(result).toMatchObject({ generation: undefined, activated: false, auditHead: undefined })
    expect(await state.serial()).toBe(0)
    expect(currentGeneration(world.paths)).toBeUndefined()
    expect(existsSync(world.paths.journal)).toBe(false)
  })

  test.each<[string, string, Partial<World['deps']>]>([
    ['the artifact cannot be fetched', 'SOURCE_UNREACHABLE', { artifacts: { fetch: () => Promise.reject(new CatalystError('SOURCE_UNREACHABLE', 'gone')) } }],
    ['authority cannot be asked', 'AUTHORITY_UNCHECKED', { authorize: () => Promise.reject(new CatalystError('AUTHORITY_UNCHECKED', 'who?')) }],
    ['authority says unsigned, the lock says signed', 'AUTHORITY_MISMATCH', { authorize: async () => ({ kind: 'unsigned' }) }],
    ['an unknown failure', 'INTERNAL', { authorize: () => Promise.reject(new TypeError('x is not a function')) }],
    ['the disk is full', 'DISK_FULL', { packages: { inspect: never, damage: async () => [], unpack: async () => writeFileSync('/dev/full', 'x') } }],
  ])('%s: %s, and nothing is unpacked or probed', async (_what, code, odd) => {
    const result = await world.apply(A1, odd)
    expect(result.outcomes).toMatchObject([{ id: 'a', outcome: 'failed', error: { code } }])
    expect(world.probed).toEqual([])
    expect(readdirIfThere(world.paths.trees)).toEqual([])
    expect(liveTrees(world.paths)).toBeUndefined()
  })

  test('law 3: what is not proven is never unpacked', async () => {
    const unpacked: string[] = []
    const packages = { ...world.deps.packages, unpack: async (_a: Uint8Array, tree: string) => void unpacked.push(tree) }
    const verifier = { ...world.deps.verifier, verify: () => Promise.reject(new CatalystError('SIGNATURE_INVALID', 'no')) }
    const result = await world.apply(A1, { packages, verifier })
    expect(result.outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'SIGNATURE_INVALID' } }])
    expect(unpacked).toEqual([])
  })

  test("another plugin's package under this id, signed by the same publisher, is refused and taken away", async () => {
    const files = { 'manifest.json': JSON.stringify({ id: 'b', version: '1.0.0', type: 'generic', main: 'index.js' }) }
    withCatalogue({ 'a@1.0.0': { files } })
    const result = await world.apply(A1)
    expect(result.outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'MANIFEST_MISMATCH' } }])
    expect(readdirIfThere(world.paths.trees)).toEqual([])
  })

  test('a proof by another repository or signer than the lock names is refused', async () => {
    const honest = world.deps.verifier
    for (const odd of [{ repository: { url: 'https://github.com/evil/a', id: 6, ownerId: 6 } }, { signer: { ...signerOf(), workflow: '.github/workflows/other.yml' } }]) {
      const verifier = { ...honest, verify: async (r: Parameters<typeof honest.verify>[0]) => ({ ...(await honest.verify(r)), ...odd }) }
      const result = await world.apply(A1, { verifier })
      expect(result.outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'IDENTITY_MISMATCH' } }])
    }
  })
})

describe('with the real probe', () => {
  test('code that starts goes live, code that ends itself or lies about its type does not', async () => {
    const well = { 'index.js': 'exports.createPlugin = () => ({ health: async () => ({ ok: true }) })' }
    withCatalogue({ 'a@1.0.0': { files: well }, 'b@1.0.0': { files: well }, 'a@2.0.0': { files: { 'index.js': 'process.exit(0)' } }, 'b@2.0.0': { files: { 'index.js': 'exports.createPlugin = () => ({})' } } })
    const probe = createProbe()
    const wish = (version: string): Wish => ({ a: { version }, b: { version } })
    expect(outcomesOf(await world.apply(wish('1.0.0'), { probe }))).toEqual({ a: 'applied', b: 'applied' })
    const result = await world.apply(wish('2.0.0'), { probe })
    expect(result.outcomes.map((o) => o.error?.code)).toEqual(['PROBE_FAILED', 'PROBE_FAILED'])
    expect(liveVersions()).toEqual({ a: '1.0.0', b: '1.0.0' })
  })
})

const never = (): never => {
  throw new Error('not used')
}
const readdirIfThere = (path: string): string[] => (existsSync(path) ? readdirSync(path) : [])
function signerOf(): Extract<ReturnType<typeof releaseBlock>['signer'], { kind: 'provenance' }> {
  const { signer } = releaseBlock('a', '1.0.0')
  if (signer.kind !== 'provenance') throw new Error('the builder signs')
  return signer
}

describe('the plan and the store', () => {
  const input = async (wish: Wish) => {
    const plan = await world.plan(wish)
    return { plan, desired: desired(wish), lock: world.lock(wish) }
  }

  test('a plan that was made before somebody else applied is not applied on top', async () => {
    await world.apply(A1)
    const old = await input(A2)
    await world.apply({ a: { version: '3.0.0' } })
    const result = await apply(old, world.deps)
    expect(result.outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'PLAN_CHANGED', message: expect.stringMatching(/1\.0\.0.*3\.0\.0/) } }])
    expect(liveVersions()).toEqual({ a: '3.0.0' })
  })

  test('a plan that somebody else has applied already is done', async () => {
    const old = await input(A1)
    await world.apply(A1)
    const before = await state.serial()
    expect(outcomesOf(await apply(old, world.deps))).toEqual({ a: 'applied' })
    expect(await state.serial()).toBe(before)
  })

  test('law 7: a lock that says something else than the plan is not applied', async () => {
    const { plan, desired } = await input(A1)
    const evil = world.lock({ a: { version: '6.6.6' } })
    const forged = { ...world.lock(A1), plugins: { a: { ...world.lock(A1).plugins['a'], artifact: evil.plugins['a']?.artifact } } }
    for (const lock of [evil, forged as typeof evil, { ...evil, plugins: {} }]) {
      const result = await apply({ plan, desired, lock }, world.deps)
      expect(result.outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'PLAN_CHANGED' } }])
    }
    expect(world.fetched).toEqual([])
  })

  test('a grant that is not the one of the plan is not applied', async () => {
    const { plan, lock } = await input(A1)
    const wider = desired({ a: { version: '1.0.0', permissions: { admin: true } } })
    const result = await apply({ plan, desired: wider, lock }, world.deps)
    expect(result.outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'PLAN_CHANGED' } }])
  })

  test('an action of a newer version is refused by name', async () => {
    const { plan, desired, lock } = await input(A1)
    const purge = { ...plan, changes: plan.changes.map((c) => ({ ...c, action: 'purge' as const })) }
    expect((await apply({ plan: purge, desired, lock }, world.deps)).outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'UNSUPPORTED_FORMAT' } }])
  })
})

describe('repair', () => {
  const hex = releaseBlock('a', '1.0.0').tree.slice(7)
  const spoil = (): void => {
    const file = join(world.paths.trees, hex, 'index.js')
    chmodSync(file, 0o644)
    writeFileSync(file, 'altered by hand')
  }

  test('an altered tree goes to quarantine, a proven one takes its place, and the audit says so', async () => {
    await world.apply(A1)
    spoil()
    rmSync(world.paths.proven)
    const result = await world.apply(A1)
    expect(result.outcomes).toMatchObject([{ id: 'a', action: 'repair', outcome: 'applied', quarantine: expect.stringContaining('quarantine') }])
    expect(readFileSync(join(world.paths.current, 'a', 'index.js'), 'utf8')).toBe('// a 1.0.0')
    const aside = readdirSync(world.paths.quarantine)
    expect(readFileSync(join(world.paths.quarantine, aside[0] ?? '', hex, 'index.js'), 'utf8')).toBe('altered by hand')
    expect((await state.audit({ limit: 1 }))[0]).toMatchObject({ event: 'repair', id: 'a' })
    expect((await state.read()).activations).toHaveLength(1)
    expect(readdirIfThere(world.paths.tmp)).toEqual([])
    expect(world.probed).toEqual(['a 1.0.0', 'a 1.0.0'])
  })

  test('a repair that cannot be made leaves the altered tree where it is, and says so', async () => {
    await world.apply(A1)
    spoil()
    rmSync(world.paths.proven)
    const broken = { run: () => Promise.reject(new CatalystError('PROBE_FAILED', 'no')) }
    const result = await world.apply(A1, { probe: broken })
    expect(outcomesOf(result)).toEqual({ a: 'failed' })
    expect(readFileSync(join(world.paths.current, 'a', 'index.js'), 'utf8')).toBe('altered by hand')
    expect(readdirIfThere(world.paths.tmp)).toEqual([])
    expect(existsSync(world.paths.quarantine)).toBe(false)
  })

  test('after a power cut: trees are read again once, whole ones are not fetched again', async () => {
    await world.apply(A1)
    writeFileSync(world.paths.proven, readFileSync(world.paths.proven, 'utf8').replace(/"boot":"[^"]+"/, '"boot":"before"'))
    world.fetched.length = 0
    const damaged: string[] = []
    const packages = { ...world.deps.packages, damage: async (dir: string, tree: `sha256:${string}`) => (damaged.push(tree), world.deps.packages.damage(dir, tree)) }
    expect((await world.apply(A1, { packages })).outcomes).toEqual([])
    await world.apply(A1, { packages })
    expect(damaged).toHaveLength(1)
    expect(world.fetched).toEqual([])
  })

  test('a tree that a power cut left incomplete is not trusted when another version needs it', async () => {
    await world.apply(A1)
    await world.apply(A2)
    spoil()
    writeFileSync(world.paths.proven, '{}')
    await world.apply(A1)
    expect(readFileSync(join(world.paths.current, 'a', 'index.js'), 'utf8')).toBe('// a 1.0.0')
  })

  test('a new machine brings to itself what the database says: same generation, nothing recorded anew', async () => {
    await world.apply({ ...A1, b: { version: '1.0.0', enabled: false } })
    const before = await state.read()
    const other = worldAt(temporaryStore().store, state)
    const result = await other.apply({ ...A1, b: { version: '1.0.0', enabled: false } })
    expect(result.outcomes).toMatchObject([{ id: 'a', action: 'repair', outcome: 'applied' }])
    expect(liveTrees(other.paths)).toEqual(liveTrees(world.paths))
    expect(currentGeneration(other.paths)).toBe(1)
    expect(await state.read()).toEqual(before)
  })

  test('a machine follows what another one did: upgrades, and plugins that left', async () => {
    const other = worldAt(temporaryStore().store, state)
    const both: Wish = { ...A1, b: { version: '1.0.0' } }
    await world.apply(both)
    await other.apply(both)
    await world.apply(A1)
    expect((await other.plan(A1)).changes).toEqual([])
    const result = await other.apply(A1)
    expect(result).toMatchObject({ outcomes: [], activated: false })
    expect([...(liveTrees(other.paths)?.keys() ?? [])]).toEqual(['a'])
    await world.apply(A2)
    await other.apply(A2)
    expect(liveTrees(other.paths)).toEqual(liveTrees(world.paths))
    expect((await state.read()).activations).toHaveLength(3)
  })

  test('a tree that was deleted by hand comes back without being asked for', async () => {
    await world.apply(A1)
    const moved = join(folder, 'elsewhere')
    chmodSync(join(world.paths.trees, hex), 0o755)
    renameSync(join(world.paths.trees, hex), moved)
    await world.apply(A1)
    expect(liveVersions()).toEqual({ a: '1.0.0' })
  })
})

describe('what can go wrong around it', () => {
  test('the stamp goes before anything changes, and stays when nothing does', async () => {
    await world.apply(A1)
    writeFileSync(join(folder, 'f'), '')
    writeStamp(world.paths, { tool: '1', inputs: lookAt([join(folder, 'f')]), database: 'store.db', plugins: 1, serial: 1, now: world.deps.clock() })
    await world.apply(A1)
    expect(existsSync(world.paths.stamp)).toBe(true)
    let atIntent = true
    await world.apply(A2, { onBoundary: (name) => name === 'intent' && (atIntent = existsSync(world.paths.stamp)) })
    expect(atIntent).toBe(false)
  })

  test('somebody holds the lease: BUSY, nothing touched', async () => {
    await state.acquireLease('another machine:1', world.deps.clock(), 3_600_000)
    await expect(world.apply(A1)).rejects.toMatchObject({ code: 'BUSY', exit: 7 })
    expect(existsSync(world.paths.root)).toBe(false)
  })

  test('another node takes the change and rolls it back before we hold the lease: PLAN_CHANGED, it is not taken again', async () => {
    await world.apply(A1)
    // By the time that the lease is asked for, the plan is made.
    let meanwhile: Promise<unknown> | undefined
    const acquireLease: StoreState['acquireLease'] = async (...args) => {
      await (meanwhile ??= world.apply(A2).then(() => rollback({ id: 'a' }, world.rollbackDeps)))
      return state.acquireLease(...args)
    }
    const late: StoreState = Object.assign(Object.create(state), { ...delegate(state), acquireLease })
    const result = await world.apply(A2, { state: late })
    expect(result.outcomes).toMatchObject([{ id: 'a', outcome: 'failed', error: { code: 'PLAN_CHANGED', message: expect.stringContaining('rolled back') } }])
    expect(liveVersions()).toEqual({ a: '1.0.0' })
  })

  test.each(['staged', 'probed', 'built'])('the lease is lost at "%s": nothing goes live', async (boundary) => {
    await world.apply(A1)
    const passed: string[] = []
    const steal = (name: string): void => void (passed.push(name), name === boundary && state.breakLease(world.deps.clock(), 'operator'))
    await expect(world.apply(A2, { onBoundary: steal })).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(passed).toContain(boundary)
    expect(passed).not.toContain('activating')
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    expect((await state.read()).installs[0]?.block.version).toBe('1.0.0')
    await world.apply(A2)
    expect(liveVersions()).toEqual({ a: '2.0.0' })
  })

  test('the lease is lost after the switch: it cannot be recorded, so `current` goes back', async () => {
    await world.apply(A1)
    const steal = (name: string): void => void (name === 'activated' && state.breakLease(world.deps.clock(), 'operator'))
    await expect(world.apply(A2, { onBoundary: steal })).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    expect(currentGeneration(world.paths)).toBe(1)
  })

  test('the database fails at the record: the old generation is live, the next pass goes on', async () => {
    await world.apply(A1)
    const failing: StoreState = Object.assign(Object.create(state), { ...delegate(state), commit: () => Promise.reject(new CatalystError('STATE_UNAVAILABLE', 'gone')) })
    await expect(world.apply(A2, { state: failing })).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    await world.apply(A2)
    expect(liveVersions()).toEqual({ a: '2.0.0' })
    expect((await state.read()).activations.map((a) => a.generation)).toEqual([1, 2])
  })

  test('an abort ends the pass before anything goes live', async () => {
    await world.apply(A1)
    const abort = new AbortController()
    const stop = (name: string): void => void (name === 'staged a' && abort.abort(new CatalystError('BUSY', 'stopped by a person')))
    await expect(world.apply(A2, { signal: abort.signal, onBoundary: stop })).rejects.toThrow('stopped by a person')
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    expect(await world.apply(A2)).toMatchObject({ recovered: true, activated: true })
  })

  test('a file where the folder should be: an error with what was tried, old state untouched', async () => {
    await world.apply(A1)
    rmSync(world.paths.tmp, { recursive: true, force: true })
    writeFileSync(world.paths.tmp, '')
    const result = await world.apply(A2)
    expect(outcomesOf(result)).toEqual({ a: 'failed' })
    expect(liveVersions()).toEqual({ a: '1.0.0' })
  })

  test('the journal cannot be written because the disk is full: DISK_FULL, nothing touched', async () => {
    await world.apply(A1)
    // The disk is full once recovery has looked for a journal.
    const paths = { ...world.paths }
    const fill = (name: string): void => void (name === 'stamp-removed' && Object.assign(paths, { journal: '/dev/full' }))
    await expect(world.apply(A2, { paths, onBoundary: fill })).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(liveVersions()).toEqual({ a: '1.0.0' })
  })

  test('an old journal of nobody is cleared, with what was left behind', async () => {
    await world.apply(A1)
    openJournal(world.paths.journal).intent('activate:9', world.deps.clock())
    mkdirSync(join(world.paths.generations, '9'))
    mkdirSync(join(world.paths.trees, '.abc.unpack-0123456789ab'))
    const result = await world.apply(A1)
    expect(result.recovered).toBe(true)
    expect(readdirSync(world.paths.generations)).toEqual(['1'])
    expect(readdirSync(world.paths.trees).filter((n) => n.startsWith('.'))).toEqual([])
    expect(existsSync(world.paths.journal)).toBe(false)
  })

  test('the audit chain holds over everything', async () => {
    await world.apply(A1)
    await world.apply(A2)
    await world.apply({ b: { version: '1.0.0' } })
    expect(brokenLink(await state.audit({ limit: 100 }))).toBeUndefined()
  })
})

function delegate(of: StoreState): Partial<StoreState> {
  const names = ['serial', 'read', 'acquireLease', 'renewLease', 'releaseLease', 'lease', 'breakLease', 'audit', 'close'] as const
  return Object.fromEntries(names.map((name) => [name, (of[name] as (...args: unknown[]) => unknown).bind(of)])) as Partial<StoreState>
}
