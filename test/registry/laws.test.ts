import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { folderIndex } from '../../registry/folder-index.ts'
import { versionOfTag } from '../../registry/github-releases.ts'
import { ancestry, gitFiles } from '../../registry/git-tree.ts'
import type { GitObjects } from '../../registry/git.ts'
import { retryAfterMs } from '../../registry/http-answer.ts'
import { isInside } from '../../registry/local-file.ts'
import { cacheRoot } from '../../registry/paths.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { tagsFor } from '../../schemas/names.ts'
import { refusal } from './refusal.ts'

/** The work's result, or undefined where it was refused as it should be; anything else thrown is a defect. */
async function refusedOr<T>(work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CatalystError && error.code !== 'INTERNAL') return undefined
    throw error
  }
}

const segment = fc.oneof(fc.constantFrom('..', '.', '', '%2e%2e', '%2f', '..%5c', '\\', 'artifacts', 'a.tgz', '//host', '~'), fc.string({ maxLength: 5 }))

test('whatever a line says, it is located in the folder of its registry or refused', async () => {
  const index = folderIndex({ name: 'local', url: 'file:///srv/mirror', baseDir: '/store' })
  await fc.assert(
    fc.asyncProperty(fc.array(segment, { maxLength: 6 }), async (parts) => {
      const located = await refusedOr(() => index.locate(`file:${parts.join('/')}`))
      if (located === undefined || located === `file:${parts.join('/')}`) return
      expect(isInside(fileURLToPath(located), '/srv/mirror')).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('every tag that names a version is read back as that version, and as no other plugin\'s', () => {
  const id = fc.stringMatching(/^[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,4}){0,2}$/)
  const version = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)).map((v) => v.join('.'))
  fc.assert(
    fc.property(id, id, version, (own, other, v) => {
      for (const tag of tagsFor(own, v)) expect(versionOfTag(tag, own)).toBe(v)
      if (own !== other) expect(versionOfTag(`${other}@${v}`, own)).toBeUndefined()
    }),
  )
})

test('a server never makes us wait a negative time or more than a day', () => {
  const header = fc.oneof(fc.string(), fc.integer().map(String), fc.date({ noInvalidDate: true }).map((d) => d.toUTCString()))
  fc.assert(
    fc.property(header, header, fc.boolean(), (after, reset, primary) => {
      const headers = primary ? { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset } : { 'retry-after': after }
      const wait = retryAfterMs(headers, Date.UTC(2026, 10, 22))
      if (wait === undefined) return
      expect(wait).toBeGreaterThanOrEqual(0)
      expect(wait).toBeLessThanOrEqual(86_400_000)
    }),
  )
})

describe('git objects', () => {
  const oidOf = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex')

  /** Objects that are what their maker wants, found by any name. */
  function made(objects: ReadonlyMap<string, Uint8Array>): GitObjects {
    return {
      read: async (oid) => {
        const bytes = objects.get(oid)
        if (!bytes) throw new CatalystError('INDEX_INVALID', `no object ${oid}`)
        return bytes
      },
    }
  }

  test('of any bytes are read or refused, and reading ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (tree) => {
        const commit = Buffer.from(`tree ${oidOf(tree)}\n\nx`)
        await refusedOr(() => gitFiles(made(new Map([['head', commit], [oidOf(tree), tree]])), 'head', 'test').file('registry.yaml'))
      }),
    )
  })

  test.each([['no blank and no end', 'a'.repeat(30)], ['a cut object name', '100644 registry.yaml\0abc'], ['no end of a name', `100644 ${'a'.repeat(30)}`]])('of a tree with %s are refused', async (_, text) => {
    const tree = Buffer.from(text)
    const objects = made(new Map([['head', Buffer.from(`tree ${oidOf(tree)}\n\nx`)], [oidOf(tree), tree]]))
    const error = await refusal(() => gitFiles(objects, 'head', 'test').file('registry.yaml'), 'INDEX_INVALID')
    expect(error.message).toContain('malformed')
  })

  test('tell ancestors as a walk over all parents does, in any order of questions', async () => {
    const graph = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(graph, fc.array(fc.nat(15), { maxLength: 6 }), async (rows, questions) => {
        const parents = rows.map((row, n) => [...new Set(n === 0 ? [] : row.map((p) => p % n))])
        const name = (n: number): string => `c${n}`
        const commits = new Map(parents.map((ps, n) => [name(n), Buffer.from(`tree t\n${ps.map((p) => `parent ${name(p)}\n`).join('')}\nparent c999\n`)]))
        const head = rows.length - 1
        const above = (n: number): number[] => [n, ...(parents[n] ?? []).flatMap(above)]
        const isAncestor = ancestry(made(commits), name(head))
        const answers = await Promise.all(questions.map((n) => isAncestor(name(n))))
        expect(answers).toEqual(questions.map((n) => above(head).includes(n)))
      }),
    )
  })
})

test('the cache is where the user says, else where XDG says, else in the home; never at a relative path', () => {
  expect(cacheRoot({ CATALYST_CACHE_DIR: '/c', XDG_CACHE_HOME: '/x' }, '/home/a')).toBe('/c')
  expect(cacheRoot({ XDG_CACHE_HOME: '/x' }, '/home/a')).toBe('/x/catalyst')
  expect(cacheRoot({ XDG_CACHE_HOME: 'relative', CATALYST_CACHE_DIR: 'relative' }, '/home/a')).toBe('/home/a/.cache/catalyst')
})
