import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { byCodeUnit } from '../../schemas/digest.ts'

/** One released version of an example plugin: what its author tagged, and the files of the package at that tag. */
export interface ExampleRelease {
  readonly id: string
  readonly version: string
  readonly tag: string
  readonly owner: string
  readonly ownerId: number
  readonly repo: string
  readonly repositoryId: number
  /** The plugin's folder in its repository; absent when the repository holds nothing else. */
  readonly path?: string
  /** By path relative to the package root, sorted. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly publishedAt: string
}

/** A repository on GitHub. The numeric ids are made up and never change: they are what a registry trusts. */
interface Repository {
  readonly owner: string
  readonly ownerId: number
  readonly repo: string
  readonly repositoryId: number
  /** Holds several plugins: each in `plugins/<id>`, tagged `<id>@1.2.3`. */
  readonly shared?: true
}

/** A row of a plugin's history. `without`: files that the next newer release has and this one had not yet. */
interface Row {
  readonly version: string
  readonly publishedAt: string
  readonly without?: readonly string[]
}

const official = { owner: 'catalyst-plugins', ownerId: 184_200_117 } as const
const MESSAGING: Repository = { owner: 'nordic-commerce', ownerId: 97_331_402, repo: 'catalyst-messaging', repositoryId: 811_540_233, shared: true }

/** Every example plugin, newest release first. */
const PLUGINS: Readonly<Record<string, { readonly repository: Repository; readonly releases: readonly [Row, ...Row[]] }>> = {
  'flat-rate-shipping': {
    repository: { ...official, repo: 'flat-rate-shipping', repositoryId: 798_410_031 },
    releases: [
      { version: '1.1.0-beta.1', publishedAt: '2026-10-29T13:20:00Z' },
      { version: '1.0.0', publishedAt: '2026-01-20T10:05:00Z', without: ['postal-codes.js'] },
    ],
  },
  'google-analytics': {
    repository: { ...official, repo: 'google-analytics', repositoryId: 798_410_055 },
    releases: [
      { version: '1.1.0', publishedAt: '2026-08-13T08:30:00Z' },
      { version: '1.0.0', publishedAt: '2026-01-27T15:00:00Z', without: ['batcher.js'] },
    ],
  },
  'loyalty-points': {
    repository: { owner: 'kahvila-labs', ownerId: 120_554_870, repo: 'loyalty-points', repositoryId: 803_117_942 },
    releases: [
      { version: '2.0.0', publishedAt: '2026-10-20T09:00:00Z' },
      { version: '1.1.0', publishedAt: '2026-06-11T09:40:00Z', without: migrationFiles('0003_rename_order_id', '0004_drop_email') },
      { version: '1.0.0', publishedAt: '2026-02-24T16:15:00Z', without: ['members.js', 'tiers.js', ...migrationFiles('0002_add_tiers')] },
    ],
  },
  'message-templates': {
    repository: MESSAGING,
    releases: [
      { version: '1.1.0', publishedAt: '2026-05-27T07:55:00Z' },
      { version: '1.0.0', publishedAt: '2026-02-10T11:10:00Z' },
    ],
  },
  'order-sms': {
    repository: MESSAGING,
    releases: [
      { version: '1.2.0', publishedAt: '2026-09-02T12:45:00Z' },
      { version: '1.1.0', publishedAt: '2026-04-16T12:00:00Z', without: ['delivery.js', ...migrationFiles('0003_add_delivery')] },
      { version: '1.0.0', publishedAt: '2026-02-11T14:30:00Z', without: ['opt-out.js', 'signature.js', 'webhook.js', ...migrationFiles('0002_create_opt_outs')] },
    ],
  },
  'product-feed': {
    repository: { owner: 'merchant-tools', ownerId: 61_908_255, repo: 'catalyst-product-feed', repositoryId: 806_662_718 },
    releases: [
      { version: '1.0.1', publishedAt: '2026-04-08T10:00:00Z' },
      { version: '1.0.0', publishedAt: '2026-03-30T10:00:00Z' },
    ],
  },
  'stripe-payments': {
    repository: { ...official, repo: 'stripe-payments', repositoryId: 798_409_876 },
    releases: [
      { version: '3.0.0', publishedAt: '2026-10-06T09:12:00Z' },
      { version: '2.2.0', publishedAt: '2026-07-08T14:03:00Z' },
      { version: '2.1.1', publishedAt: '2026-03-19T17:26:00Z', without: ['disputes.js', 'receipt-pdf.js', 'upload.js'] },
      { version: '2.1.0', publishedAt: '2026-03-03T09:48:00Z' },
      { version: '2.0.0', publishedAt: '2026-01-14T10:31:00Z' },
    ],
  },
}

const HERE = import.meta.dirname

/** All releases of all example plugins, sorted by id, oldest first. The same bytes on every machine. */
export function exampleReleases(): readonly ExampleRelease[] {
  return Object.keys(PLUGINS).sort(byCodeUnit).flatMap(exampleReleasesOf)
}

/**
 * The releases of one plugin, oldest first; empty for an unknown id. Walks back from its folder, which is the newest release: each older one is the newer one minus
 * what it did not have yet, with the files of `history/<id>/<version>/` laid over.
 */
export function exampleReleasesOf(id: string): readonly ExampleRelease[] {
  const plugin = PLUGINS[id]
  if (!plugin) return []
  const { repository: { shared, ...repository }, releases } = plugin
  let files = readTree(join(HERE, id))
  const found = releases.map((row, index): ExampleRelease => {
    if (index > 0) files = older(files, row, join(HERE, 'history', id, row.version))
    return {
      id, version: row.version, tag: shared ? `${id}@${row.version}` : `v${row.version}`, ...repository,
      ...(shared ? { path: `plugins/${id}` } : {}), files: packageAt(files, row.version), publishedAt: row.publishedAt,
    }
  })
  return found.reverse()
}

function older(newer: ReadonlyMap<string, Uint8Array>, row: Row, overlay: string): Map<string, Uint8Array> {
  const files = new Map(newer)
  for (const path of row.without ?? []) if (!files.delete(path)) throw new Error(`${overlay}: the newer release has no ${path}`)
  for (const [path, bytes] of readTree(overlay)) files.set(path, bytes)
  return files
}

/** Two files follow from the version alone and are not kept per release: package.json and the part of the changelog that was written by then. */
function packageAt(files: ReadonlyMap<string, Uint8Array>, version: string): ReadonlyMap<string, Uint8Array> {
  const change = (path: string, edit: (text: string) => string): [string, Uint8Array] => {
    const bytes = files.get(path)
    if (!bytes) throw new Error(`a package needs ${path}`)
    return [path, Buffer.from(edit(Buffer.from(bytes).toString('utf8')))]
  }
  const edited = new Map([
    ...files,
    change('package.json', (text) => `${JSON.stringify({ ...(JSON.parse(text) as object), version }, undefined, 2)}\n`),
    change('CHANGELOG.md', (text) => changelogUntil(text, version)),
  ])
  return new Map([...edited].sort(([a], [b]) => byCodeUnit(a, b)))
}

function changelogUntil(text: string, version: string): string {
  const [head = '', ...sections] = text.split(/^(?=## )/m)
  const from = sections.findIndex((section) => section.startsWith(`## ${version} `))
  if (from < 0) throw new Error(`CHANGELOG.md has no section for ${version}`)
  return head + sections.slice(from).join('')
}

function readTree(folder: string): Map<string, Uint8Array> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = found.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1).replaceAll('\\', '/'))
  return new Map(paths.sort(byCodeUnit).map((path) => [path, readFileSync(join(folder, path))]))
}

/** The four files of a migration: up and down, for SQLite and for PostgreSQL. */
function migrationFiles(...ids: readonly string[]): string[] {
  return ids.flatMap((id) => [`${id}.sql`, `${id}.down.sql`]).flatMap((name) => [`migrations/sqlite/${name}`, `migrations/postgres/${name}`])
}
