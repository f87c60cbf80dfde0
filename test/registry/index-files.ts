import { stringify } from 'yaml'
import { sha256 } from '../../schemas/digest.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { indexPath } from '../../schemas/names.ts'
import { NO_PERMISSIONS } from '../../schemas/permissions.ts'
import type { RegistryEntry, RegistryFile } from '../../schemas/registry-entry.ts'

/* Files of an index, valid by default. */

const REPOSITORY = { url: 'https://github.com/acme/plugin', id: 1000, ownerId: 2000 }

export const REGISTRY: RegistryFile = { apiVersion: 'catalyst.dev/v1', kind: 'Registry', name: 'official' }

export function entry(id: string, odd: Partial<RegistryEntry> = {}): RegistryEntry {
  return { v: 1, id, repositories: [REPOSITORY], signer: { workflow: '.github/workflows/release.yml' }, tier: 'community', publisher: 'acme', ...odd }
}

export function line(id: string, version: string, odd: Partial<IndexLine> = {}): IndexLine {
  const url = `${REPOSITORY.url}/releases/download/v${version}/${id}-${version}.tgz`
  const file = (name: string) => ({ url: `${url}${name}`, size: 1000, sha256: sha256(`${id} ${version}${name}`) })
  return {
    v: 1, id, version, repository: REPOSITORY, tag: `v${version}`, commit: 'c'.repeat(40), artifact: file(''), bundle: file('.sigstore.json'),
    manifest: sha256(`manifest ${id} ${version}`), permissions: NO_PERMISSIONS, publishedAt: '2026-10-01T00:00:00Z', ...odd,
  }
}

export type Files = Readonly<Record<string, string>>

/** registry.yaml and, for each id, its entry and lines of the versions named. */
export function indexFiles(plugins: Readonly<Record<string, readonly string[]>> = { erp: ['1.0.0', '1.1.0'] }): Files {
  const listed = Object.entries(plugins).flatMap(([id, versions]) => [
    [`entries/${id}.yaml`, stringify(entry(id))],
    [`index/${indexPath(id)}`, lines(versions.map((version) => line(id, version)))],
  ])
  return { 'registry.yaml': stringify(REGISTRY), ...Object.fromEntries(listed) }
}

export function lines(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}
