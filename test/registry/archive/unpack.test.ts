import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readPackage } from '../../../registry/archive/package-tree.ts'
import { isUnfinished, listingPath, removeTree, unpackTo } from '../../../registry/archive/unpack.ts'
import { verifyTree } from '../../../registry/archive/verify-tree.ts'
import { archive } from './tar-builder.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'unpack-'))))
afterEach(() => removeTree(dir))

const tree = readPackage(
  archive({ name: 'package/lib/deep/a.js', body: 'a' }, { name: 'package/bin/run', body: '#!', mode: '0000755\0' }, { name: 'package/empty.txt' }, { name: 'package/lib/b.js', body: 'b'.repeat(100_000) }),
)

describe('unpackTo', () => {
  test.each([false, true])('writes every file read-only, and nothing else (fsync %s)', (fsync) => {
    const target = join(dir, 'demo')
    unpackTo(tree, target, { fsync })
    expect(readFileSync(join(target, 'lib/deep/a.js'), 'utf8')).toBe('a')
    expect(readFileSync(join(target, 'lib/b.js')).length).toBe(100_000)
    const mode = (path: string): string => (lstatSync(join(target, path)).mode & 0o777).toString(8)
    expect([mode('lib/b.js'), mode('bin/run'), mode('bin'), mode('lib/deep'), mode('.')]).toEqual(['444', '555', '555', '555', '555'])
    expect(readdirSync(dir).sort()).toEqual(['demo', 'demo.files'])
    expect(readFileSync(listingPath(target), 'utf8')).toBe(tree.listing)
    expect(verifyTree(target, tree.treeDigest)).toEqual({ whole: true, altered: [], missing: [], extra: [], located: true })
  })

  test('refuses a target that exists and leaves it alone', () => {
    const target = join(dir, 'demo')
    mkdirSync(target)
    writeFileSync(join(target, 'mine'), 'mine')
    expect(() => unpackTo(tree, target)).toThrow(expect.objectContaining({ code: 'INVALID_VALUE' }))
    expect(readdirSync(dir)).toEqual(['demo'])
    expect(readdirSync(target)).toEqual(['mine'])
  })

  test('does not write through a link at the target', () => {
    const target = join(dir, 'demo')
    mkdirSync(join(dir, 'elsewhere'))
    symlinkSync(join(dir, 'elsewhere'), target)
    expect(() => unpackTo(tree, target)).toThrow(expect.objectContaining({ code: 'INVALID_VALUE' }))
    expect(readdirSync(join(dir, 'elsewhere'))).toEqual([])
  })

  test('leaves nothing behind when a file cannot be written', () => {
    const broken = { ...tree, read: (path: string) => (path === 'manifest.json' ? undefined : tree.read(path)) }
    expect(() => unpackTo(broken, join(dir, 'demo'))).toThrow(expect.objectContaining({ code: 'INTERNAL' }))
    expect(readdirSync(dir)).toEqual([])
  })

  test.skipIf(process.getuid?.() === 0)('says READ_ONLY for a folder that it may not write', () => {
    chmodSync(dir, 0o555)
    expect(() => unpackTo(tree, join(dir, 'demo'))).toThrow(expect.objectContaining({ code: 'READ_ONLY' }))
  })

  test('says FILE_NOT_FOUND when the folder around it is gone', () => {
    expect(() => unpackTo(tree, join(dir, 'nowhere', 'demo'))).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }))
  })

  test('an unfinished folder can be told by its name', () => {
    expect(isUnfinished('.demo.unpack-0123456789ab')).toBe(true)
    expect(isUnfinished('.demo.unpack-0123456789ab.files')).toBe(true)
    expect(isUnfinished('demo')).toBe(false)
  })

  test('removeTree follows no link', () => {
    const outside = join(dir, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'kept'), 'kept')
    const target = join(dir, 'demo')
    mkdirSync(target)
    symlinkSync(outside, join(target, 'link'))
    removeTree(target)
    expect(existsSync(target)).toBe(false)
    expect(readdirSync(outside)).toEqual(['kept'])
    removeTree(target)
  })
})

describe('verifyTree', () => {
  let target: string
  beforeEach(() => {
    target = join(dir, 'demo')
    unpackTo(tree, target)
  })
  const open = (path: string): void => chmodSync(join(target, path), 0o755)

  test('names altered, missing and extra files', () => {
    for (const path of ['.', 'lib', 'lib/deep', 'empty.txt', 'bin', 'bin/run', 'lib/deep/a.js']) open(path)
    writeFileSync(join(target, 'empty.txt'), 'not empty')
    chmodSync(join(target, 'empty.txt'), 0o644)
    chmodSync(join(target, 'bin/run'), 0o644)
    unlinkSync(join(target, 'lib/deep/a.js'))
    writeFileSync(join(target, 'lib/deep/evil.js'), '')
    expect(verifyTree(target, tree.treeDigest)).toEqual({ whole: false, altered: ['bin/run', 'empty.txt'], missing: ['lib/deep/a.js'], extra: ['lib/deep/evil.js'], located: true })
  })

  test('a link to the same bytes is an alteration', () => {
    open('lib')
    renameSync(join(target, 'lib/b.js'), join(dir, 'b.js'))
    symlinkSync(join(dir, 'b.js'), join(target, 'lib/b.js'))
    expect(verifyTree(target, tree.treeDigest)).toMatchObject({ whole: false, altered: ['lib/b.js'], missing: [] })
  })

  test('an extra link makes a whole tree not whole', () => {
    open('.')
    symlinkSync('/etc', join(target, 'etc'))
    expect(verifyTree(target, tree.treeDigest)).toMatchObject({ whole: false, altered: [], missing: [], extra: ['etc'] })
  })

  test('an altered listing cannot hide an altered file', () => {
    open('lib')
    chmodSync(join(target, 'lib/b.js'), 0o644)
    writeFileSync(join(target, 'lib/b.js'), 'evil')
    chmodSync(listingPath(target), 0o644)
    writeFileSync(listingPath(target), tree.listing.replace('lib/b.js', 'lib/c.js'))
    expect(verifyTree(target, tree.treeDigest)).toEqual({ whole: false, altered: [], missing: [], extra: [], located: false })
  })

  test('a folder that is gone misses everything', () => {
    expect(verifyTree(join(dir, 'nowhere'), tree.treeDigest)).toMatchObject({ whole: false, located: false })
    renameSync(target, join(dir, 'away'))
    expect(verifyTree(target, tree.treeDigest).missing).toEqual(tree.files.map((f) => f.path))
  })
})
