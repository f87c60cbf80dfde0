import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCatalog } from '../../catalog/db/store.ts'
import { suggestedIdFor } from '../../catalog/ingest/discover.ts'
import { linesFile, mergeLines } from '../../catalog/ingest/lines.ts'
import type { CatalogStore, Verdict } from '../../catalog/ports.ts'
import { sha256 } from '../../schemas/digest.ts'
import { idProblem, indexPath } from '../../schemas/names.ts'
import { readIndexLines } from '../../schemas/registry-files.ts'
import { exactVersion } from '../../schemas/versions.ts'
import { entry, lineFor } from '../builders/catalog.ts'
import { hacsRepositories, krewPlugins, krewSlice, REAL_DATA, type KrewPlugin } from '../builders/real-data.ts'

/* Catalogs of other communities as ours: real names, versions, digests and sizes of lists. */

let dir: string
let store: CatalogStore
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'catalyst-real-'))
  store = await openCatalog(`sqlite:${join(dir, 'catalog.db')}`)
})
afterAll(async () => {
  await store.close()
  rmSync(dir, { recursive: true, force: true })
})

const REGISTRY = { apiVersion: 'catalyst.dev/v1', kind: 'Registry', name: 'real' } as const

/** A plugin of krew as one of ours: what our formats cannot say of it is left out. */
function verdictOf({ id, version, artifacts }: KrewPlugin): Verdict | undefined {
  const exact = exactVersion(version.replace(/^v/, ''))
  const [first] = artifacts
  if (exact === undefined || first === undefined || idProblem(id)) return undefined
  const good = lineFor(entry(id), exact)
  const line = { ...good, artifact: { ...good.artifact, sha256: `sha256:${first.sha256}` as const } }
  const { repository, tag, commit, artifact, bundle, publishedAt } = line
  return {
    id, version: exact, verdict: 'listed', decidedAt: '2026-11-30T12:00:00.000Z', line, release: { repository, tag, commit, artifact, bundle: { url: bundle.url, sha256: bundle.sha256 }, publishedAt },
    evidence: { problems: [], differences: [], proposal: undefined, proof: undefined, entryDigest: undefined, by: undefined },
  }
}

async function catalogOf(plugins: readonly KrewPlugin[]): Promise<readonly Verdict[]> {
  const verdicts = plugins.flatMap((plugin) => verdictOf(plugin) ?? [])
  const entries = verdicts.map(({ id }) => entry(id))
  await store.projectEntries(entries.map((e) => ({ entry: e, digest: sha256(e.id) })), [], '2026-11-30T12:00:00.000Z')
  for (const verdict of verdicts) await store.judge(verdict.id, 'bot', () => [verdict])
  return verdicts
}

async function allPages(limit: number): Promise<readonly string[]> {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = await store.plugins({}, { limit, cursor })
    ids.push(...page.items.map(({ id }) => id))
    cursor = page.next
  } while (cursor !== undefined)
  return ids
}

describe('krew-index', () => {
  test('the committed slice is listed, paged, and published as lines that every store reads', async () => {
    const verdicts = await catalogOf(krewSlice())
    expect(verdicts.length).toBeGreaterThan(40)
    expect(await allPages(7)).toEqual(verdicts.map(({ id }) => id).sort())
    for (const verdict of verdicts) {
      const { lines, edited } = mergeLines([], await store.verdictsOf(verdict.id), entry(verdict.id), REGISTRY)
      expect([edited, readIndexLines(linesFile(lines), `index/${indexPath(verdict.id)}`, verdict.id)]).toEqual([[], [verdict.line]])
      expect(await store.plugin(verdict.id)).toMatchObject({ latest: verdict.version })
    }
  })

  test.skipIf(!REAL_DATA)('all of it (folder of CATALYST_REAL_DATA)', async () => {
    const verdicts = await catalogOf(krewPlugins())
    expect(verdicts.length).toBeGreaterThan(350)
    expect(await allPages(100)).toEqual(verdicts.map(({ id }) => id).sort())
    expect(new Set(verdicts.map(({ id }) => indexPath(id))).size).toBe(verdicts.length)
  })
})

test.skipIf(!REAL_DATA)('4,117 repositories of HACS (folder of CATALYST_REAL_DATA): each has a name that may be proposed, and all are due once', async () => {
  const names = hacsRepositories()
  expect(names).toHaveLength(4_117)
  const ids = names.map((name) => suggestedIdFor(`https://github.com/${name}`))
  expect(ids.filter((id) => idProblem(id) === 'INVALID_ID')).toEqual([])
  const entries = [...new Map(ids.map((id, n) => [id, entry(id, { repositories: [{ url: `https://github.com/${names[n]}`, id: n + 1, ownerId: 7 }] })])).values()].filter(({ id }) => !idProblem(id))
  await store.projectEntries(entries.map((e) => ({ entry: e, digest: sha256(e.id) })), [], '2026-11-30T12:00:00.000Z')
  let seen = 0
  for (let due = await store.due(500, '9'); due.length > 0; due = await store.due(500, '2026-11-30T13:00:00.000Z')) {
    await store.saveUnchanged(due, '2026-11-30T13:00:00.000Z')
    seen += due.length
  }
  expect(seen).toBe(entries.length)
})
