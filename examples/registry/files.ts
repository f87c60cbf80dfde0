import { stringify } from 'yaml'
import { byCodeUnit } from '../../schemas/digest.ts'
import { artifactName, indexPath } from '../../schemas/names.ts'
import { writeIndexLine } from '../../schemas/registry-files.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { exampleReleasesOf, type ExampleRelease } from '../plugins/releases.ts'
import { startExampleWorld, type ExampleWorld } from '../story/example-world.ts'
import { tarOf } from '../world/archive.ts'
import { entryOf, lineOf, registryFile } from '../world/index-repository.ts'
import type { Published } from '../world/publish.ts'
import { storedGzip } from './stored-gzip.ts'

/** What the committed mirror lists: enough to install, to update, and to see a version that asks for nothing new. */
const LISTED: Readonly<Record<string, readonly string[]>> = {
  'flat-rate-shipping': ['1.0.0', '1.1.0-beta.1'],
  'message-templates': ['1.0.0', '1.1.0'],
  'order-sms': ['1.0.0', '1.1.0'],
  'product-feed': ['1.0.0', '1.0.1'],
  'stripe-payments': ['2.0.0', '2.1.0'],
}

/** Paths in the folder that are made by this script; all else there is written by people. */
export const MADE = ['registry.yaml', 'trusted-root.json', 'entries', 'index', 'artifacts', 'bundles'] as const

/**
 * Every file of the mirror by its path, sorted. The releases are published and signed in a world of their own, whose
 * keys exist only while this runs: nobody can ever sign another release for this root. Artifacts, entries and lines are
 * the same in every run and on every machine; bundles and the trusted root are not.
 */
export async function registryFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const world = await startExampleWorld()
  try {
    const plugins: Published[][] = []
    for (const release of listedReleases()) {
      const published = await publish(release, world)
      const same = plugins.find(([first]) => first?.id === release.id)
      if (same) same.push(published)
      else plugins.push([published])
    }
    const files = [
      text('registry.yaml', stringify({ ...registryFile('examples'), title: 'Examples of Catalyst Plugins' })),
      text('trusted-root.json', `${JSON.stringify(world.sigstore.trustedRoot, undefined, 2)}\n`),
      ...plugins.flatMap(filesOfPlugin),
    ]
    return new Map(files.sort(([a], [b]) => byCodeUnit(a, b)))
  } finally {
    await world.close()
  }
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

function publish(release: ExampleRelease, world: ExampleWorld): Promise<Published> {
  return world.release(release.id, release.version, { artifact: packed(release) })
}

function packed({ files }: ExampleRelease): Buffer {
  return storedGzip(tarOf([...files].map(([path, bytes]) => ({ path: `package/${path}`, bytes }))))
}

function filesOfPlugin(releases: readonly Published[]): readonly (readonly [string, Uint8Array])[] {
  const newest = releases.at(-1)
  if (!newest) return []
  return [
    text(`entries/${newest.id}.yaml`, stringify(entryOf(newest))),
    text(`index/${indexPath(newest.id)}`, releases.map((release) => `${writeIndexLine(lineInFolder(release))}\n`).join('')),
    ...releases.flatMap(({ artifact, bundle }) => [[`artifacts/${artifact.name}`, artifact.bytes] as const, ...(bundle ? [[`bundles/${bundle.name}`, bundle.bytes] as const] : [])]),
  ]
}

/** The line of a release whose files lie in the registry's own folder. */
function lineInFolder(release: Published): IndexLine {
  const { artifact, bundle } = release
  if (!bundle) throw new Error(`${artifact.name} has no bundle`)
  const line = lineOf(release)
  return { ...line, artifact: { ...line.artifact, url: `file:artifacts/${artifact.name}` }, bundle: { ...line.bundle, url: `file:bundles/${bundle.name}` } }
}

function text(path: string, content: string): readonly [string, Uint8Array] {
  return [path, Buffer.from(content)]
}
