import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Parser } from 'tar'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readPackage, type PackageTree } from '../../../registry/archive/package-tree.ts'
import { removeTree, unpackTo } from '../../../registry/archive/unpack.ts'
import { verifyTree } from '../../../registry/archive/verify-tree.ts'
import { CatalystError } from '../../../schemas/errors.ts'
import { archive, entry, MANIFEST, tar, type Odd } from './tar-builder.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'fuzz-'))))
afterEach(() => removeTree(dir))

const good = archive({ name: 'package/lib/a.js', body: 'a'.repeat(700) }, { name: 'package/lib', type: '5' }, { name: 'package/b', body: 'b', mode: '0000755\0' })
const raw = gunzipSync(good)

/** Undefined when the bytes were refused as they should be; anything but a CatalystError is a defect. */
function attempt(bytes: Uint8Array): PackageTree | undefined {
  try {
    return readPackage(bytes)
  } catch (error) {
    if (error instanceof CatalystError && error.code !== 'INTERNAL') return undefined
    throw error
  }
}

/** Law: what was accepted lands inside its folder, whole, and nothing beside it. */
function unpacksInside(bytes: Uint8Array): void {
  const tree = attempt(bytes)
  if (!tree) return
  const target = join(dir, 'inner', 'demo')
  unpackTo(tree, join(dir, 'demo'))
  expect(readdirSync(dir).sort()).toEqual(['demo', 'demo.files'])
  expect(verifyTree(join(dir, 'demo'), tree.treeDigest).whole).toBe(true)
  removeTree(join(dir, 'demo'))
  expect(existsSync(target)).toBe(false)
}

const edits = (length: number): fc.Arbitrary<[number, number][]> => fc.array(fc.tuple(fc.nat(length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 })

function edit(bytes: Buffer, changes: readonly [number, number][]): Buffer {
  const copy = Buffer.from(bytes)
  for (const [at, value] of changes) copy[at] = value
  return copy
}

/** Makes the checksums right again, so that mutations reach the checks behind them. */
function resum(bytes: Buffer): Buffer {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) !== 'ustar') continue
    bytes.fill(0x20, at + 148, at + 156)
    const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148)
  }
  return bytes
}

function asTarReads(bytes: Buffer): [string, Buffer][] {
  const files: [string, Buffer][] = []
  const parser = new Parser({ strict: true })
  parser.on('error', (error) => {
    throw error
  })
  parser.on('entry', (found) => {
    const chunks: Buffer[] = []
    found.on('data', (chunk: Buffer) => chunks.push(chunk))
    found.on('end', () => found.type === 'File' && files.push([found.path, Buffer.concat(chunks)]))
  })
  parser.end(bytes)
  return files
}

describe('any bytes are a whole safe package or a CatalystError, and are never written elsewhere', () => {
  test('altered gzip bytes', () => {
    fc.assert(fc.property(edits(good.length), (changes) => unpacksInside(edit(good, changes))), { numRuns: 500 })
  })

  test('altered tar bytes', () => {
    fc.assert(fc.property(edits(raw.length), (changes) => unpacksInside(gzipSync(edit(raw, changes), { level: 1 }))), { numRuns: 300 })
  })

  test('altered tar bytes with right checksums', () => {
    const header = fc.array(fc.tuple(fc.constantFrom(0, 512, 1024, 2560, 3072), fc.nat(500), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 5 })
    fc.assert(fc.property(header, (changes) => unpacksInside(gzipSync(resum(edit(raw, changes.map(([block, at, value]) => [block + at, value]))), { level: 1 }))), { numRuns: 500 })
  })

  test('agrees with tar: what we accept is, to its strict parser, the same files', () => {
    const parts = fc.array(fc.tuple(fc.constantFrom(0, 512, 1024, 2560, 3072), fc.nat(500), fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 0x0a, 0x20, 0x2f, 0x30))), { maxLength: 3 })
    let accepted = 0
    fc.assert(
      fc.property(parts, (changes) => {
        const bytes = resum(edit(raw, changes.map(([block, at, value]) => [block + at, value])))
        const tree = attempt(gzipSync(bytes, { level: 1 }))
        if (!tree) return
        accepted++
        const ours = tree.files.map((file) => [`package/${file.path}`, Buffer.from(tree.read(file.path) ?? [])] as const)
        expect(ours).toEqual(asTarReads(bytes).sort(([a], [b]) => (a < b ? -1 : 1)))
      }),
      { numRuns: 1000 },
    )
    expect(accepted).toBeGreaterThan(50)
  })

  test('any cut', () => {
    fc.assert(fc.property(fc.nat(good.length - 1), (length) => void expect(attempt(good.subarray(0, length))).toBeUndefined()))
    fc.assert(fc.property(fc.nat(raw.length - 1), (length) => void expect(attempt(gzipSync(raw.subarray(0, length), { level: 1 }))).toBeUndefined()), { numRuns: 100 })
  })

  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void expect(attempt(bytes)).toBeUndefined()))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void expect(attempt(gzipSync(bytes))).toBeUndefined()))
  })

  test('hostile names', () => {
    const piece = fc.oneof(fc.constantFrom('..', '.', '', 'a', 'A', 'con', '\\', 'C:', '\u202e', 'é', 'e\u0301', 'package', '~', '%2e%2e', 'ſ', 'K'), fc.string({ maxLength: 6 }))
    const name = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => Buffer.from(`package/${pieces.join('/')}`).subarray(0, 100))
    const odd: fc.Arbitrary<Odd> = fc.record({ name, body: fc.string({ maxLength: 3 }), type: fc.constantFrom('0', '0', '0', '5', '2') })
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 4 }), (odds) => unpacksInside(gzipSync(tar(MANIFEST, ...odds), { level: 1 }))),
      { numRuns: 500 },
    )
  })

  test('entries in any order give the same digest', () => {
    const names = ['package/a', 'package/lib/b', 'package/lib/c', 'package/z/y/x']
    const order = fc.shuffledSubarray(names, { minLength: names.length })
    const digest = (list: readonly string[]): string => readPackage(gzipSync(Buffer.concat([...list.map((name) => entry({ name, body: name })), tar(MANIFEST)]))).treeDigest
    fc.assert(fc.property(order, (list) => void expect(digest(list)).toBe(digest(names))), { numRuns: 30 })
  })
})
