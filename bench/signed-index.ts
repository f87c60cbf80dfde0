import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bins, bitsFor, ENTRIES, PUBLISHED, SIGNED } from '../catalog/tuf/layout.ts'
import { binFinder, bytesOfEnvelope, envelope, expiryAfter, SPEC_VERSION, type Envelope, type Signed, type Signer, type TargetsSigned } from '../catalog/tuf/metadata.ts'
import { found, sign } from '../catalog/tuf/ceremony.ts'
import { folder, type IndexTree } from '../catalog/tuf/index-tree.ts'
import { newSigner } from '../catalog/tuf/key-file.ts'
import { publishTuf } from '../catalog/tuf/publish.ts'
import { targetInfo } from '../catalog/tuf/targets.ts'
import { createHttp } from '../registry/http.ts'
import { tufIndex } from '../registry/tuf-index.ts'
import { indexPath } from '../schemas/names.ts'
import { writeIndexLine } from '../schemas/registry-files.ts'
import { FolderServer } from '../test/registry/folder-server.ts'
import { entry, line, REGISTRY } from '../test/registry/index-files.ts'
import type { Arena } from './arena.ts'
import { measured } from './measure.ts'
import { alone, growth, milliseconds, type Row, type Section } from './row.ts'

const SIGN_ALL_MS = 3000
const ONE_CHANGE_MS = 100
const REFRESH_BYTES = 1024
const WANTED = 20

/** What a signed index costs its bot and its readers, as it grows. */
export async function signedIndex({ ground, sizes }: Arena): Promise<Section> {
  const costs: Cost[] = []
  for (const plugins of sizes.signed) costs.push(await costsOf(ground.folder('signed'), plugins, sizes.quickRounds))
  return {
    title: 'A signed index',
    note: `In one process, on this machine’s disk. “Signing all”: every entry and line is hashed and put in its bin, the people’s bins and the bot’s are signed and written, with snapshot and timestamp; the files themselves are there; processor time. “One change”: the bot publishes one more version of one plugin, until all is synced to the disk. “No change”: a store’s client asks a server on loopback; bodies are counted. “Cold”: a machine without a cache reads entry and lines of ${WANTED} plugins.`,
    rows: costs.flatMap((cost, i) => rowsOf(cost, costs[i - 1])),
  }
}

interface Cost {
  readonly plugins: number
  readonly signAllMs: number
  readonly oneChangeMs: number
  readonly refresh: Asked
  readonly cold: Asked
}

interface Asked {
  readonly ms: number
  readonly requests: number
  readonly bytes: number
}

function rowsOf({ plugins, signAllMs, oneChangeMs, refresh, cold }: Cost, before: Cost | undefined): readonly Row[] {
  const largest = plugins >= 100_000
  const grown = (what: string, ms: number, of: (cost: Cost) => number, slack?: number): readonly Row[] => (before ? [growth(what, 'plugins', { size: before.plugins, ms: of(before) }, { size: plugins, ms }, slack)] : [])
  return [
    alone(`signing all, ${plugins} plugins`, milliseconds(signAllMs), largest ? { text: `<= ${milliseconds(SIGN_ALL_MS)}`, ok: signAllMs <= SIGN_ALL_MS } : undefined),
    ...grown('signing all', signAllMs, (cost) => cost.signAllMs, 1.3),
    alone(`publishing one change, ${plugins} plugins`, milliseconds(oneChangeMs), largest ? { text: `<= ${milliseconds(ONE_CHANGE_MS)}`, ok: oneChangeMs <= ONE_CHANGE_MS } : undefined),
    ...grown('publishing one change', oneChangeMs, (cost) => cost.oneChangeMs),
    alone(`no change, ${plugins} plugins`, `${refresh.requests} requests, ${refresh.bytes} bytes, ${milliseconds(refresh.ms)}`, { text: `2 requests, <= ${REFRESH_BYTES} bytes`, ok: refresh.requests === 2 && refresh.bytes <= REFRESH_BYTES }),
    alone(`cold, ${WANTED} of ${plugins} plugins`, `${cold.requests} requests, ${Math.round(cold.bytes / 1000)} KB, ${milliseconds(cold.ms)}`),
  ]
}

async function costsOf(base: string, plugins: number, rounds: number): Promise<Cost> {
  const index = await sampleIndex(base, plugins)
  const signAll = async (): Promise<number> => {
    rmSync(join(index.out, 'metadata'), { recursive: true, force: true })
    rmSync(join(index.out, PUBLISHED.state), { force: true })
    // Of processor time: other work on the machine only ever adds to the other one.
    const start = process.cpuUsage()
    index.signEntries()
    await index.publish()
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1000
  }
  const signAllMs = measured('', [await signAll(), await signAll(), await signAll()]).min
  const changes: number[] = []
  for (let round = 0; round < Math.max(3, rounds); round++) {
    const changed = index.change(round)
    const start = performance.now()
    await index.publish([changed])
    changes.push(performance.now() - start)
  }
  const server = await FolderServer.open(index.out)
  try {
    return { plugins, signAllMs, oneChangeMs: measured('', changes).median, ...(await asked(server, index, base)) }
  } finally {
    await server.close()
  }
}

async function asked(server: FolderServer, { root, ids }: SampleIndex, base: string): Promise<{ readonly refresh: Asked; readonly cold: Asked }> {
  const http = createHttp()
  const open = () => tufIndex({ name: 'official', url: server.url, root, cacheDir: join(base, 'cache'), maxAgeMs: 1e9, http }).open({})
  const counted = async (work: () => Promise<unknown>): Promise<Asked> => {
    server.taken()
    const start = performance.now()
    await work()
    const ms = performance.now() - start
    const requests = server.taken()
    return { ms, requests: requests.length, bytes: requests.reduce((sum, { bytes }) => sum + bytes, 0) }
  }
  const wanted = ids.filter((_, i) => i % Math.ceil(ids.length / WANTED) === 0)
  const cold = await counted(async () => {
    const snapshot = await open()
    await Promise.all(wanted.flatMap((id) => [snapshot.entry(id), snapshot.lines(id)]))
  })
  const refresh = await counted(open)
  http.close()
  return { refresh, cold }
}

interface SampleIndex {
  readonly root: string
  readonly out: string
  readonly ids: readonly string[]
  signEntries(): void
  /** Lists one more version of some plugin. @returns the path that changed */
  change(round: number): string
  publish(changed?: readonly string[]): Promise<unknown>
}

/** An index in memory with keys on disk; its files lie where they are served already, as after the first publishing. */
async function sampleIndex(base: string, plugins: number): Promise<SampleIndex> {
  const [dir, out] = [join(base, 'registry'), join(base, 'public')]
  const now = new Date().toISOString()
  const people = [newSigner('anna'), newSigner('bela')]
  const bot = { index: newSigner('index'), snapshot: newSigner('snapshot'), timestamp: newSigner('timestamp') }
  const keys = people.map(({ key }) => key)
  await found(dir, { root: keys, rootThreshold: 2, maintainers: keys, threshold: 2, online: { index: bot.index.key, snapshot: bot.snapshot.key, timestamp: bot.timestamp.key }, bits: bitsFor(plugins), now })
  for (const person of people) await sign(dir, [person])
  const ids = Array.from({ length: plugins }, (_, i) => `plugin-${i.toString(36)}`)
  const files = new Map<string, Uint8Array>([['registry.yaml', Buffer.from(JSON.stringify(REGISTRY))]])
  for (const id of ids) {
    files.set(`entries/${id}.yaml`, Buffer.from(JSON.stringify(entry(id))))
    files.set(`index/${indexPath(id)}`, Buffer.from(`${writeIndexLine(line(id, '1.0.0'))}\n`))
  }
  for (const [path, bytes] of files) put(join(out, PUBLISHED.target(path, targetInfo(bytes).hashes.sha256)), bytes)
  const signed = new Map<string, Uint8Array>()
  const tree: IndexTree = {
    head: undefined,
    read: async (path) => files.get(path) ?? signed.get(path) ?? folder(dir).read(path),
    changedSince: async () => ({ paths: [...files.keys()], all: true }),
  }
  return {
    root: join(dir, SIGNED.root(1)), out, ids,
    signEntries: () => signEntries(files, people, signed, now, bitsFor(plugins)),
    change(round) {
      const path = `index/${indexPath(ids[(round * 7919) % ids.length] ?? '')}`
      files.set(path, Buffer.concat([files.get(path) ?? Buffer.alloc(0), Buffer.from(`${writeIndexLine(line(path.split('/').at(-1) ?? '', `1.${round + 1}.0`))}\n`)]))
      return path
    },
    publish: (changed) => publishTuf({ tree, folder: out, signers: Object.values(bot), now, ...(changed && { changed }) }),
  }
}

function signEntries(files: ReadonlyMap<string, Uint8Array>, people: readonly Signer[], signed: Map<string, Uint8Array>, now: string, bits: number): void {
  const finder = binFinder(bins(ENTRIES, { keyids: people.map(({ keyid }) => keyid), threshold: 2 }, bits))
  const entries = [...files].filter(([path]) => !path.startsWith('index/'))
  const listed = Map.groupBy(entries, ([path]) => finder.binOf(path))
  for (const bin of finder.bins) {
    const targets = Object.fromEntries((listed.get(bin) ?? []).map(([path, bytes]) => [path, targetInfo(bytes)]))
    const data: Envelope<Signed> = envelope<TargetsSigned>({ _type: 'targets', spec_version: SPEC_VERSION, version: 1, expires: expiryAfter(now, 365), targets }, people)
    signed.set(SIGNED.role(bin), bytesOfEnvelope(data))
  }
}

const made = new Set<string>()

function put(path: string, bytes: Uint8Array): void {
  const at = dirname(path)
  if (!made.has(at)) mkdirSync(at, { recursive: true })
  made.add(at)
  writeFileSync(path, bytes)
}
