import { gunzipSync } from 'node:zlib'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { main } from '../../cli/main.ts'
import { committedFiles, differences } from '../../examples/registry/compare.ts'
import { registryArtifacts, registryFiles } from '../../examples/registry/files.ts'
import { storedGzip } from '../../examples/registry/stored-gzip.ts'
import { gunzip } from '../../registry/archive/gunzip.ts'
import { readPackage } from '../../registry/archive/package-tree.ts'
import { sha256 } from '../../schemas/digest.ts'
import { readIndexLines } from '../../schemas/registry-files.ts'

/* The committed mirror is what its script makes, nobody holds its keys, and nobody trusts it by default. */

const FOLDER = join(import.meta.dirname, '../../examples/registry')
const committed = committedFiles(FOLDER)

describe('the committed folder', () => {
  let made: ReadonlyMap<string, Uint8Array>
  beforeAll(async () => {
    made = await registryFiles()
  })

  test('is what the script makes from the example plugins', () => {
    expect(differences(made, committed)).toEqual([])
  })

  test('the comparison sees one changed byte, a missing file, another bundle, and a line that says more', () => {
    const changed = (path: string, edit: (bytes: Buffer) => Uint8Array): ReadonlyMap<string, Uint8Array> => new Map(committed).set(path, edit(Buffer.from(committed.get(path)!)))
    const without = new Map(committed)
    without.delete('entries/order-sms.yaml')
    const flip = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)])
    expect(differences(made, changed('artifacts/order-sms-1.0.0.tgz', flip))).toMatchObject([expect.stringContaining('order-sms-1.0.0.tgz is sha256:')])
    expect(differences(made, without)).toEqual(['entries/order-sms.yaml is missing'])
    expect(differences(made, changed('bundles/order-sms-1.0.0.tgz.sigstore.json', flip))).toMatchObject([expect.stringContaining('is not the file')])
    expect(differences(made, changed('index/or/de/order-sms', (b) => Buffer.from(b.toString().replace('"admin":false', '"admin":true'))))).toMatchObject([expect.stringContaining('has other lines')])
  })

  test('its artifacts are made without a world, byte for byte', () => {
    const lines = [...committed].filter(([path]) => path.startsWith('index/')).flatMap(([path, bytes]) => readIndexLines(bytes, path))
    const digests = Object.fromEntries(lines.map((line) => [line.artifact.url.replace('file:artifacts/', ''), line.artifact.sha256]))
    expect(Object.fromEntries([...registryArtifacts()].map(([name, bytes]) => [name, sha256(bytes)]))).toEqual(digests)
    expect(lines.length).toBe(10)
  })

  test('is small, and has nothing in it that could sign', () => {
    const bytes = [...committed.values()].reduce((sum, file) => sum + file.length, 0)
    expect(bytes).toBeLessThan(500_000)
    expect([...committed].filter(([, file]) => /PRIVATE KEY|"d":/.test(Buffer.from(file).toString('latin1'))).map(([path]) => path)).toEqual([])
  })
})

describe('a gzip that does not compress', () => {
  test('every reader gets the contents back', () => {
    const law = fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 1000 }), (bytes, times) => {
      const contents = Buffer.concat(Array.from({ length: times }, () => bytes))
      expect(gunzip(storedGzip(contents)).equals(contents)).toBe(true)
      expect(gunzipSync(storedGzip(contents)).equals(contents)).toBe(true)
    })
    fc.assert(law, { examples: [[new Uint8Array(), 0], [new Uint8Array(65_535), 1], [new Uint8Array(65_536), 1], [new Uint8Array(65_535), 2]], numRuns: 30 })
  })

  test('it is these bytes, for ever', () => {
    expect(storedGzip(Buffer.from('plugin')).toString('hex')).toBe(['1f8b08000000000000ff', '010600f9ff', '706c7567696e', '94276ee9', '06000000'].join(''))
  })

  test('the packages in it are packages', () => {
    for (const bytes of registryArtifacts().values()) expect(readPackage(bytes).read('manifest.json')).toBeDefined()
  })
})

describe('nobody trusts it by default', () => {
  let dir: string
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'catalyst-mirror-'))
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  test.each([[undefined], ['public-good'], ['github']])('under the profile %s its releases are refused', async (sigstore) => {
    const set = {
      apiVersion: 'catalyst.dev/v1', kind: 'PluginSet', store: { id: 'stranger' }, plugins: { 'message-templates': {} },
      registries: [{ name: 'examples', url: `file://${FOLDER}`, ...(sigstore ? { sigstore } : {}) }],
    }
    writeFileSync(join(dir, 'plugins.yaml'), stringify(set))
    let out = ''
    const exit = await main(['-C', dir, '--json', 'lock'], { out: (text) => void (out += text), err: () => undefined, colour: false, interactive: false, columns: 80 }, { env: { CATALYST_CACHE_DIR: join(dir, 'cache'), XDG_STATE_HOME: join(dir, 'state') } })
    expect({ exit, codes: JSON.parse(out).problems.map((p: { code: string }) => p.code) }).toEqual({ exit: 5, codes: ['SIGNATURE_INVALID'] })
  })
})
