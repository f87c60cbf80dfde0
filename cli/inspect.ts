import { digestOf, sha256 } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import { readManifest } from '../schemas/manifest-file.ts'
import { readPackage } from '../registry/archive/package-tree.ts'
import { migrationsOf } from '../validator/migrations.ts'
import type { Judge } from '../validator/judge.ts'
import type { InspectedPackage } from '../reconciler/ports.ts'

/** Reads a package in memory and judges it. Nothing is written anywhere. @throws CatalystError ARCHIVE_*, MANIFEST_* */
export async function inspect(archive: Uint8Array, file: string, judge: Judge): Promise<InspectedPackage> {
  const tree = readPackage(archive)
  const bytes = tree.read('manifest.json')
  if (!bytes) throw new CatalystError('MANIFEST_MISSING', `${file} has no package/manifest.json`)
  const manifest = readManifest(bytes, `${file}/manifest.json`)
  const files = { files: tree.files, read: (path: string) => tree.read(path) ?? new Uint8Array(), manifest }
  return {
    treeDigest: tree.treeDigest,
    manifest,
    manifestDigest: sha256(bytes),
    configSchema: manifest.config === undefined ? undefined : digestOf(manifest.config),
    migrations: migrationsOf(files),
    findings: await judge.validate(files),
  }
}
