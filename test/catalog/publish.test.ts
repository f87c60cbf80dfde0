import fc from 'fast-check'
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Copies, type IndexContent, publishIndex } from '../../catalog/publish.ts'
import { folderIndex } from '../../registry/folder-index.ts'
import { hexOf } from '../../schemas/digest.ts'
import type { CatalystError } from '../../schemas/errors.ts'
import { entry, REGISTRY, release } from './sample-index.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'publish-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const COPIES: Copies = { names: 'release' }

function content(odd: Partial<IndexContent> = {}): IndexContent {
  return { registry: REGISTRY, entries: [entry('stripe'), entry('sms')], releases: [release('stripe', '1.0.0'), release('stripe', '1.10.0'), release('stripe', '1.9.0'), release('sms', '2.0.0')], ...odd }
}

/** Every file of a folder with its bytes. */
function filesIn(folder: string): Readonly<Record<string, string>> {
  const paths = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name).slice(folder.length + 1))
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(folder, path), 'utf8')]))
}

async function refused(odd: Partial<IndexContent>, copies?: Copies): Promise<string> {
  const error = await publishIndex(dir, content(odd), copies).then(() => undefined, (e: CatalystError) => e)
  return `${error?.code}: ${error?.message}`
}

test('what is published is what a store reads', async () => {
  const report = await publishIndex(dir, content())
  expect(report).toEqual({ written: ['entries/sms.yaml', 'entries/stripe.yaml', 'index/3/s/sms', 'index/st/ri/stripe', 'registry.yaml'], unchanged: 0 })
  const snapshot = await folderIndex({ name: 'official', url: `file://${dir}`, baseDir: '/' }).open({})
  expect(snapshot.file).toEqual(REGISTRY)
  expect(await snapshot.entry('stripe')).toEqual(entry('stripe'))
  expect((await snapshot.lines('stripe')).map((line) => line.version)).toEqual(['1.0.0', '1.9.0', '1.10.0'])
  expect((await snapshot.lines('sms'))[0]).toEqual(release('sms', '2.0.0').line)
})

test('the same content gives the same bytes, in whatever order it comes, at once or bit by bit', async () => {
  await publishIndex(dir, content())
  const expected = filesIn(dir)
  const all = content()
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...all.releases], { minLength: 4 }), fc.shuffledSubarray([...all.entries], { minLength: 2 }), fc.integer({ min: 0, max: 4 }), async (releases, entries, at) => {
      const other = mkdtempSync(join(tmpdir(), 'publish-'))
      try {
        await publishIndex(other, { ...all, entries, releases: releases.slice(0, at) })
        await publishIndex(other, { ...all, entries: [], releases: releases.slice(at) })
        expect(filesIn(other)).toEqual(expected)
      } finally {
        rmSync(other, { recursive: true, force: true })
      }
    }),
    { numRuns: 15 },
  )
})

test('files that have the right bytes are not touched, and no temporary file stays', async () => {
  await publishIndex(dir, content(), COPIES)
  const before = Object.fromEntries(Object.keys(filesIn(dir)).map((path) => [path, statSync(join(dir, path), { bigint: true }).ctimeNs]))
  const report = await publishIndex(dir, content({ releases: [...content().releases, release('sms', '2.0.1')] }), COPIES)
  expect(report.written).toEqual(['artifacts/sms-2.0.1.tgz', 'bundles/sms-2.0.1.tgz.sigstore.json', 'index/3/s/sms'])
  for (const [path, time] of Object.entries(before)) if (path !== 'index/3/s/sms') expect(statSync(join(dir, path), { bigint: true }).ctimeNs, path).toBe(time)
  expect(Object.keys(filesIn(dir)).filter((path) => /(^|\/)\./.test(path))).toEqual([])
})

test('a reviewed entry that says the same keeps its comments', async () => {
  await publishIndex(dir, content())
  const path = join(dir, 'entries/stripe.yaml')
  const reviewed = `# reviewed by two\n${readFileSync(path, 'utf8')}`
  writeFileSync(path, reviewed)
  await publishIndex(dir, content())
  expect(readFileSync(path, 'utf8')).toBe(reviewed)
})

describe('copies', () => {
  test('by name: lines are relative to the folder', async () => {
    await publishIndex(dir, content(), COPIES)
    expect(readFileSync(join(dir, 'artifacts/stripe-1.0.0.tgz'), 'utf8')).toBe('artifact of stripe 1.0.0')
    const source = folderIndex({ name: 'official', url: `file://${dir}`, baseDir: '/' })
    const [line] = await (await source.open({})).lines('sms')
    expect(line?.artifact.url).toBe('file:artifacts/sms-2.0.0.tgz')
    expect(readFileSync(new URL(source.locate(line?.bundle.url ?? '')), 'utf8')).toBe('{"bundle":"sms 2.0.0"}')
  })

  test('by digest, under the address where the folder is served', async () => {
    const baseUrl = 'https://registry.catalyst.dev/'
    await publishIndex(dir, content({ registry: { ...REGISTRY, artifactHosts: [baseUrl] } }), { names: 'digest', baseUrl })
    const { line } = release('sms', '2.0.0')
    const name = hexOf(line.artifact.sha256)
    expect(readFileSync(join(dir, `artifacts/${name}.tgz`), 'utf8')).toBe('artifact of sms 2.0.0')
    expect(readFileSync(join(dir, 'index/3/s/sms'), 'utf8')).toContain(`"url":"https://registry.catalyst.dev/artifacts/${name}.tgz"`)
  })

  test('bytes that are not the line’s, or not given, are refused', async () => {
    const good = release('sms', '2.0.0')
    expect(await refused({ releases: [{ ...good, artifact: Buffer.from('other') }] }, COPIES)).toMatch(/^DIGEST_MISMATCH: sms 2.0.0: the artifact to copy is sha256:\w+, the line says/)
    expect(await refused({ releases: [{ line: good.line, artifact: good.artifact ?? Buffer.from('') }] }, COPIES)).toMatch(/^DIGEST_MISMATCH: sms 2.0.0: the bundle to copy is not given/)
  })
})

describe('what must not be listed is refused, and then nothing at all is written', () => {
  afterEach(() => expect(filesIn(dir)).toEqual({}))

  test.each<[string, Partial<IndexContent>, RegExp]>([
    ['a plugin without an entry', { releases: [release('other', '1.0.0')] }, /^INDEX_INVALID: other has no entry/],
    ['more permissions than the entry allows', { releases: [release('sms', '2.0.0', { permissions: { database: {}, api: ['evil.io:443'], filesystem: {}, hooks: [], admin: false } })] }, /^INDEX_LINE_WIDER: .*api evil.io:443/],
    ['another repository', { releases: [release('sms', '2.0.0', { repository: { url: 'https://github.com/evil/sms', id: 8, ownerId: 4 } })] }, /^INDEX_LINE_WIDER: .*evil/],
    ['another tag', { releases: [release('sms', '2.0.0', { tag: 'v1.0.0' })] }, /^INDEX_LINE_WIDER: .*v1.0.0/],
    ['a foreign address', { releases: [release('sms', '2.0.0', { artifact: { ...release('sms', '2.0.0').line.artifact, url: 'https://evil.io/sms-2.0.0.tgz' } })] }, /^FOREIGN_URL: sms 2.0.0: https:\/\/evil.io/],
    ['a version that is none', { releases: [release('sms', '2.0', { tag: 'v2.0' })] }, /^INDEX_INVALID/],
    ['an id that is none', { entries: [entry('../evil')] }, /^INDEX_INVALID/],
    ['two lines for one version', { releases: [release('sms', '2.0.0'), release('sms', '2.0.0', {}, { artifact: 'other' })] }, /^INDEX_REWRITTEN/],
    ['a wrong registry', { registry: { ...REGISTRY, name: 'No Name' } }, /^INDEX_INVALID/],
  ])('%s', async (_, odd, message) => expect(await refused(odd)).toMatch(message))
})

describe('a version that is listed stays as it is', () => {
  beforeEach(async () => void (await publishIndex(dir, content())))

  test('other bytes under the same version are refused', async () => {
    const before = filesIn(dir)
    expect(await refused({ releases: [release('sms', '2.0.0', {}, { artifact: 'swapped' })] })).toMatch(/^INDEX_REWRITTEN: sms 2.0.0 is listed already/)
    expect(filesIn(dir)).toEqual(before)
  })

  test('a yank and an advisory may be added', async () => {
    await publishIndex(dir, content({ releases: [release('sms', '2.0.0', { yanked: { reason: 'loses messages' }, advisories: [{ level: 'yanked', fixedIn: '2.0.1' }] })] }))
    expect(readFileSync(join(dir, 'index/3/s/sms'), 'utf8')).toContain('loses messages')
    expect(readFileSync(join(dir, 'index/st/ri/stripe'), 'utf8').trim().split('\n')).toHaveLength(3)
  })

  test('releases that are not named stay listed', async () => {
    await publishIndex(dir, content({ entries: [], releases: [release('sms', '3.0.0')] }))
    expect(readFileSync(join(dir, 'index/3/s/sms'), 'utf8').match(/"version":"[^"]+"/g)).toEqual(['"version":"2.0.0"', '"version":"3.0.0"'])
    expect(existsSync(join(dir, 'entries/stripe.yaml'))).toBe(true)
  })
})

test('a folder that may not be written to is told as such', async () => {
  if (process.getuid?.() === 0) return
  chmodSync(dir, 0o555)
  expect(await refused({})).toMatch(/^READ_ONLY/)
  chmodSync(dir, 0o755)
})
