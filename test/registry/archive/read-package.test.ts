import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { create } from 'tar'
import { readPackage } from '../../../registry/archive/package-tree.ts'
import { CatalystError, type ErrorCode } from '../../../schemas/errors.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { archive, entry, MANIFEST, pax, tar, type Odd } from './tar-builder.ts'
import { processorTime } from '../../builders/processor-time.ts'

function refusal(bytes: Uint8Array): CatalystError {
  try {
    readPackage(bytes)
  } catch (error) {
    if (error instanceof CatalystError) return error
    throw error
  }
  throw new Error('the archive was accepted')
}

const code = (...odd: readonly Odd[]): ErrorCode => refusal(archive(...odd)).code
const file = (name: string | Buffer, body = 'x'): Odd => ({ name, body })

describe('a good package', () => {
  test('is read in memory: paths below package/, modes, sizes, digests, contents', () => {
    const tree = readPackage(archive(file('package/lib/b.js', 'bb'), { name: 'package/bin/run', body: '#!', mode: '0000755\0' }, { name: 'package/lib', type: '5' }))
    expect(tree.files).toEqual([
      { path: 'bin/run', mode: '100755', size: 2, digest: sha256('#!') },
      { path: 'lib/b.js', mode: '100644', size: 2, digest: sha256('bb') },
      { path: 'manifest.json', mode: '100644', size: 13, digest: sha256('{"id":"demo"}') },
    ])
    expect(Buffer.from(tree.read('lib/b.js') ?? []).toString()).toBe('bb')
    expect(tree.read('lib')).toBeUndefined()
    expect(tree.read('../x')).toBeUndefined()
  })

  test('has the digest of its sorted listing, whatever the order and dates of its entries', () => {
    const one = readPackage(archive(file('package/b.js', '1'), file('package/a.js', '2')))
    const two = readPackage(archive(file('package/a.js', '2'), { name: 'package', type: '5' }, file('package/b.js', '1')))
    const hex = (text: string): string => sha256(text).slice(7)
    const listing = [`100644 ${hex('1')} b.js\n`, `100644 ${hex('2')} a.js\n`, `100644 ${hex('{"id":"demo"}')} manifest.json\n`].sort().join('')
    expect(one.treeDigest).toBe(sha256(listing))
    expect(two.treeDigest).toBe(one.treeDigest)
    expect(one.listing).toBe(listing)
  })

  test('differs when one byte, one mode or one name differs', () => {
    const digests = [file('package/a'), file('package/a', 'y'), file('package/b'), { ...file('package/a'), mode: '0000755\0' }].map((odd) => readPackage(archive(odd)).treeDigest)
    expect(new Set(digests).size).toBe(4)
  })

  test('may use the ustar prefix and raw UTF-8 names', () => {
    const tree = readPackage(archive({ name: 'deep/größe.txt', prefix: `package/${'a'.repeat(60)}/${'b'.repeat(60)}`, body: 'x' }))
    expect(tree.files.map((f) => f.path)).toContain(`${'a'.repeat(60)}/${'b'.repeat(60)}/deep/größe.txt`)
  })

  test('as `tar` and as `npm pack` write it', () => {
    const dir = mkdtempSync(join(tmpdir(), 'pack-'))
    try {
      mkdirSync(join(dir, 'package', 'lib'), { recursive: true })
      writeFileSync(join(dir, 'package', 'manifest.json'), '{}')
      writeFileSync(join(dir, 'package', 'package.json'), '{"name":"demo","version":"1.0.0"}')
      writeFileSync(join(dir, 'package', 'lib', 'index.js'), 'export {}', { mode: 0o755 })
      create({ gzip: true, sync: true, file: join(dir, 'own.tgz'), cwd: dir, portable: true, mtime: new Date(0) }, ['package'])
      execFileSync('npm', ['pack', '--silent', '--pack-destination', dir], { cwd: join(dir, 'package'), stdio: 'pipe' })
      for (const name of ['own.tgz', 'demo-1.0.0.tgz']) {
        expect(readPackage(readFileSync(join(dir, name))).files.map((f) => f.path), name).toEqual(['lib/index.js', 'manifest.json', 'package.json'])
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('names that are refused', () => {
  test.each<[string, string | Buffer]>([
    ['traversal', 'package/../../etc/passwd'],
    ['traversal at the end', 'package/lib/..'],
    ['absolute', '/etc/passwd'],
    ['absolute behind the prefix', 'package//etc/passwd'],
    ['a dot segment', 'package/./a'],
    ['outside package', 'other/a.js'],
    ['a sibling that starts the same', 'package-evil/a.js'],
    ['a drive letter', 'package/C:/a'],
    ['an alternate data stream', 'package/a.js:evil'],
    ['a backslash', 'package/..\\..\\a'],
    ['an escape sequence', 'package/\u001b[2Ja'],
    ['a newline', 'package/a\nb'],
    ['a right-to-left override', 'package/a\u202egpj.js'],
    ['not UTF-8', Buffer.from([...Buffer.from('package/'), 0xff, 0xfe])],
    ['a Windows device', 'package/lib/AUX'],
    ['a Windows device with an extension', 'package/con.js'],
    ['a trailing dot', 'package/a.'],
    ['a trailing space', 'package/a '],
    ['a file called package', 'package'],
  ])('%s', (_, name) => {
    expect(code(file(name))).toBe('ARCHIVE_UNSAFE')
  })

  test('and the message says what is wrong with which', () => {
    expect(refusal(archive(file('package/../evil'))).message).toBe('"package/../evil" has ".." in its path')
    expect(refusal(archive(file('package/\u001b[2Ja'))).message).toBe('"package/\\u{1b}[2Ja" has control or invisible characters in its name')
  })

  test('longer than the limit', () => {
    expect(code({ name: `${'c'.repeat(99)}`, prefix: `package/${'d'.repeat(100)}/${'e'.repeat(45)}`, body: 'x' })).toBe('ARCHIVE_TOO_LARGE')
  })
})

describe('entries that are refused', () => {
  test.each<[string, Odd]>([
    ['hard link', { type: '1', link: 'package/manifest.json' }],
    ['symbolic link', { type: '2', link: '/etc' }],
    ['character device', { type: '3' }],
    ['block device', { type: '4' }],
    ['FIFO', { type: '6' }],
    ['contiguous file', { type: '7' }],
    ['old file', { type: '\0' }],
    ['sparse file', { type: 'S' }],
    ['unknown type', { type: 'Z' }],
    ['file with a link target', { link: '/etc/passwd' }],
    ['setuid', { mode: '0004755\0' }],
    ['setgid', { mode: '0002755\0' }],
    ['sticky', { mode: '0001644\0' }],
    ['file named like a folder', { name: 'package/lib/', body: 'x' }],
    ['folder with contents', { name: 'package/lib', type: '5', body: 'x' }],
    ['PAX path override', { name: 'PaxHeader/a', type: 'x', body: pax({ path: 'package/../../evil' }) }],
    ['PAX size override', { name: 'PaxHeader/a', type: 'x', body: pax({ size: '1048576' }) }],
    ['PAX link override', { name: 'PaxHeader/a', type: 'x', body: pax({ linkpath: '/etc' }) }],
    ['global PAX header', { name: 'pax_global_header', type: 'g', body: pax({ path: 'package/evil' }) }],
    ['GNU long name', { name: '././@LongLink', type: 'L', body: 'package/../evil\0' }],
    ['GNU long link name', { name: '././@LongLink', type: 'K', body: '/etc\0' }],
  ])('%s', (_, odd) => {
    expect(code(odd, file('package/after.js'))).toBe('ARCHIVE_UNSAFE')
  })

  test.each<[string, readonly Odd[]]>([
    ['twice the same name', [file('package/a'), file('package/a')]],
    ['two manifests', [file('package/manifest.json')]],
    ['case collision', [file('package/a.js'), file('package/A.js')]],
    ['case collision of folders', [file('package/lib/a.js'), file('package/Lib/b.js')]],
    ['case folding that changes the length', [file('package/strasse'), file('package/straße')]],
    ['two Unicode forms of a name', [file('package/caf\u00e9'), file('package/cafe\u0301')]],
    ['file where a folder is', [file('package/lib/a.js'), file('package/lib')]],
    ['folder where a file is', [file('package/lib'), file('package/lib/a.js')]],
    ['folder entry where a file is', [file('package/lib'), { name: 'package/lib', type: '5' }]],
  ])('%s', (_, odd) => {
    expect(code(...odd)).toBe('ARCHIVE_UNSAFE')
  })
})

describe('archives that are refused', () => {
  const good = archive(file('package/a.js', 'hello'))
  const raw = gunzipSync(good)

  test.each<[string, Uint8Array]>([
    ['empty', Buffer.alloc(0)],
    ['not gzip', Buffer.from('PK\u0003\u0004 a zip file is something else')],
    ['plain tar', tar(MANIFEST)],
    ['gzip of nothing', gzipSync('')],
    ['gzip of gzip', gzipSync(good)],
    ['gzip of text', gzipSync('x'.repeat(1024))],
    ['no entries', gzipSync(tar())],
    ['cut off in the gzip stream', good.subarray(0, good.length - 20)],
    ['cut off in the gzip trailer', good.subarray(0, good.length - 1)],
    ['cut off in the gzip header', good.subarray(0, 9)],
    ['garbage behind the gzip file', Buffer.concat([good, Buffer.from('garbage')])],
    ['garbage before a trailer that is right', Buffer.concat([good.subarray(0, -8), Buffer.from('garbage'), good.subarray(-8)])],
    ['two gzip members', Buffer.concat([good, gzipSync(tar(file('package/evil.js')))])],
    ['wrong gzip checksum', flip(good, good.length - 8)],
    ['wrong gzip length', flip(good, good.length - 4)],
    ['cut off in a tar block', gzipSync(raw.subarray(0, raw.length - 100))],
    ['cut off in a tar file', gzipSync(Buffer.concat([entry(MANIFEST), entry({ size: '00000004000\0' })]))],
    ['no end of the tar', gzipSync(entry(MANIFEST))],
    ['half an end of the tar', gzipSync(Buffer.concat([entry(MANIFEST), Buffer.alloc(512)]))],
    ['a second tar behind the end', gzipSync(Buffer.concat([raw, tar(file('package/evil.js'))]))],
    ['garbage behind the end', gzipSync(Buffer.concat([raw, Buffer.alloc(512, 1)]))],
    ['wrong header checksum', archive({ checksum: 1 })],
    ['GNU magic', archive({ magic: 'ustar  \0' })],
    ['size in base 256', archive({ size: '\u0080\0\0\0\0\0\0\0\0\0\0\u0001', body: 'x' })],
    ['size with rubbish behind it', archive({ size: '00000000001x', body: 'x' })],
    ['negative size', archive({ size: '-0000000001\0', body: 'x' })],
    ['no size', archive({ size: '\0\0\0\0\0\0\0\0\0\0\0\0' })],
  ])('%s', (_, bytes) => {
    expect(refusal(bytes).code).toBe('ARCHIVE_INVALID')
  })

  test('a file cut off is named', () => {
    const cut = gzipSync(Buffer.concat([entry(MANIFEST), entry({ size: '00000004000\0' })]))
    expect(refusal(cut).message).toBe('The archive is cut off in "package/index.js"')
  })

  test('no manifest.json', () => {
    expect(refusal(gzipSync(tar(file('package/index.js'))))).toMatchObject({ code: 'MANIFEST_MISSING', message: expect.stringContaining('package/manifest.json') })
    expect(refusal(gzipSync(tar(file('package/lib/manifest.json')))).code).toBe('MANIFEST_MISSING')
  })

  test('a bomb by ratio is refused before it is unpacked', () => {
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024))
    const before = process.memoryUsage().arrayBuffers
    expect(refusal(bomb)).toMatchObject({ code: 'ARCHIVE_TOO_LARGE', message: expect.stringContaining('times its size') })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
  })

  test('a bomb that lies about its size is stopped at the limit', () => {
    const bomb = gzipSync(Buffer.alloc(140 * 1024 * 1024))
    bomb.writeUInt32LE(2048, bomb.length - 4)
    expect(refusal(bomb)).toMatchObject({ code: 'ARCHIVE_TOO_LARGE', message: expect.stringContaining('unpacks to more than') })
  })

  test('a hundred thousand files are refused quickly', () => {
    const many = Buffer.concat([...Array.from({ length: 100_000 }, (_, n) => entry({ name: `package/${n}`, body: '' })), Buffer.alloc(1024)])
    const packed = gzipSync(many, { level: 1 })
    const { ms } = processorTime(() => expect(refusal(packed).code).toBe('ARCHIVE_TOO_LARGE'))
    expect(ms).toBeLessThan(5000)
  })

  test('more bytes than an artifact may have', () => {
    expect(refusal(Buffer.alloc(33 * 1024 * 1024)).code).toBe('ARCHIVE_TOO_LARGE')
  })
})

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 0xff
  return copy
}
