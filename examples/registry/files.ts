import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publishIndex } from '../../catalog/publish.ts'
import { byCodeUnit } from '../../schemas/digest.ts'
import { artifactName } from '../../schemas/names.ts'
import { exampleReleasesOf, type ExampleRelease } from '../plugins/releases.ts'
import { startExampleWorld, type ExampleWorld } from '../story/example-world.ts'
import { tarOf } from '../world/archive.ts'
import { entryOf, lineOf, registryFile } from '../world/index-repository.ts'
import type { Published } from '../world/publish.ts'
import { committedFiles } from './compare.ts'
import { storedGzip } from './stored-gzip.ts'

/** What the committed mirror lists: enough to install, to update, and to see a version that asks for nothing new. */
const LISTED: Readonly<Record<string, readonly string[]>> = {
  'flat-rate-shipping': ['1.0.0', '1.1.0-beta.1'],
  'message-templates': ['1.0.0', '1.1.0'],
  'order-sms': ['1.0.0', '1.1.0'],
  'product-feed': ['1.0.0', '1.0.1'],
  'stripe-payments': ['2.0.0', '2.1.0'],
}

/**
 * Every file of the mirror by its path, sorted. The releases are published and signed in a world of their own, whose
 * keys exist only while this runs: nobody can ever sign another release for this root. Artifacts, entries and lines are
 * the same in every run and on every machine; bundles and the trusted root are not.
 */
export async function registryFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const folder = await mkdtemp(join(tmpdir(), 'catalyst-registry-'))
  const world = await startExampleWorld()
  try {
    await writeFile(join(folder, 'trusted-root.json'), `${JSON.stringify(world.sigstore.trustedRoot, undefined, 2)}\n`)
    await publishInto(folder, world)
    return committedFiles(folder)
  } finally {
    await world.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function publishInto(folder: string, world: ExampleWorld): Promise<void> {
  const published: Published[] = []
  for (const release of listedReleases()) published.push(await world.release(release.id, release.version, { artifact: packed(release) }))
  const newest = new Map(published.map((release) => [release.id, release]))
  await publishIndex(
    folder,
    {
      registry: { ...registryFile('examples'), title: 'Examples of Catalyst Plugins' },
      entries: [...newest.values()].map((release) => entryOf(release)),
      releases: published.map((release) => ({ line: lineOf(release), artifact: release.artifact.bytes, ...(release.bundle ? { bundle: release.bundle.bytes } : {}) })),
    },
    { names: 'release' },
  )
}

/** The packages alone, by name: needs no world, no key and no network. */
export function registryArtifacts(): ReadonlyMap<string, Uint8Array> {
  return new Map(listedReleases().map((release) => [artifactName(release.id, release.version), packed(release)]))
}

/** Oldest first: later releases are later commits of the same repository. */
function listedReleases(): readonly ExampleRelease[] {
  const all = Object.entries(LISTED).flatMap(([id, versions]) => exampleReleasesOf(id).filter((release) => versions.includes(release.version)))
  return all.sort((a, b) => byCodeUnit(a.publishedAt, b.publishedAt))
}

function packed({ files }: ExampleRelease): Buffer {
  return storedGzip(tarOf([...files].map(([path, bytes]) => ({ path: `package/${path}`, bytes }))))
}
