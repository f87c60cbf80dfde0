import { createHash } from 'node:crypto'
import { sha256 } from '../../schemas/digest.ts'
import { INDEX_LINE_VERSION, type IndexLine } from '../../schemas/index-line.ts'
import { artifactName } from '../../schemas/names.ts'
import { NO_PERMISSIONS } from '../../schemas/permissions.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'

/** A number that belongs to a name, like those of GitHub. */
export function numberFor(name: string): number {
  return 1 + (createHash('sha256').update(name).digest().readUInt32BE(0) % 2_000_000_000)
}

/** A good entry; each test states only what is odd. */
export function entry(id: string, odd: Partial<RegistryEntry> = {}): RegistryEntry {
  return { v: 1, id, repositories: [{ url: `https://github.com/acme/${id}`, id: numberFor(id), ownerId: 7 }], signer: { workflow: '.github/workflows/release.yml' }, tier: 'community', publisher: 'acme', ...odd }
}

/** The line of a version that the entry's repository published. */
export function lineFor({ id, repositories }: RegistryEntry, version: string, odd: Partial<IndexLine> = {}): IndexLine {
  const { url, id: number, ownerId } = repositories[0]!
  const file = `${url}/releases/download/v${version}/${artifactName(id, version)}`
  return {
    v: INDEX_LINE_VERSION, id, version, repository: { url, id: number, ownerId }, tag: `v${version}`, commit: createHash('sha1').update(`${id} ${version}`).digest('hex'),
    artifact: { url: file, size: 1000, sha256: sha256(file) }, bundle: { url: `${file}.sigstore.json`, size: 900, sha256: sha256(`${file} bundle`) }, manifest: sha256(`${file} manifest`),
    permissions: NO_PERMISSIONS, publishedAt: '2026-11-01T00:00:00Z', ...odd,
  }
}
