import type { ListedRelease } from '../../catalog/publish.ts'
import { sha256 } from '../../schemas/digest.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { NO_PERMISSIONS } from '../../schemas/permissions.ts'
import type { RegistryEntry, RegistryFile } from '../../schemas/registry-entry.ts'

export const REGISTRY: RegistryFile = { apiVersion: 'catalyst.dev/v1', kind: 'Registry', name: 'official', title: 'Official plugins' }

/** An entry that a reviewer would write. */
export function entry(id: string, odd: Partial<RegistryEntry> = {}): RegistryEntry {
  return {
    v: 1,
    id,
    repositories: [{ url: `https://github.com/acme/${id}`, id: 7, ownerId: 3 }],
    signer: { workflow: '.github/workflows/release.yml' },
    permissions: { api: ['api.acme.com'] },
    tier: 'community',
    publisher: 'acme: "the" maker',
    ...odd,
  }
}

/** A release that the entry allows, with its bytes. */
export function release(id: string, version: string, odd: Partial<IndexLine> = {}, files: { artifact?: string; bundle?: string } = {}): ListedRelease {
  const artifact = Buffer.from(files.artifact ?? `artifact of ${id} ${version}`)
  const bundle = Buffer.from(files.bundle ?? `{"bundle":"${id} ${version}"}`)
  const url = `https://github.com/acme/${id}/releases/download/v${version}/${id}-${version}.tgz`
  return {
    line: {
      v: 1,
      id,
      version,
      repository: { url: `https://github.com/acme/${id}`, id: 7, ownerId: 3 },
      tag: `v${version}`,
      commit: 'a'.repeat(40),
      artifact: { url, size: artifact.length, sha256: sha256(artifact) },
      bundle: { url: `${url}.sigstore.json`, size: bundle.length, sha256: sha256(bundle) },
      manifest: sha256('manifest'),
      permissions: NO_PERMISSIONS,
      publishedAt: '2026-11-01T00:00:00Z',
      ...odd,
    },
    artifact,
    bundle,
  }
}
