import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { exampleReleasesOf, type ExampleRelease } from '../../../examples/plugins/releases.ts'
import type { CreatePlugin } from '../../../sandbox/contracts.ts'
import type { Manifest } from '../../../schemas/manifest.ts'

/** A release as a store has it: unpacked, its manifest read, its code loaded. */
export interface OpenRelease {
  readonly manifest: Manifest
  readonly createPlugin: CreatePlugin
  /** Where it is unpacked, to be read only: other test files of this process open the same one. It goes with the run. */
  readonly folder: string
  /** A file of the package as text. */
  readonly text: (path: string) => string
}

export function releaseOf(id: string, version: string): ExampleRelease {
  const release = exampleReleasesOf(id).find((one) => one.version === version)
  if (!release) throw new Error(`no example release ${id}@${version}`)
  return release
}

const opened = new Map<string, Promise<OpenRelease>>()

/** Unpacks a release into a temp folder, where nothing of this repository is in reach, and imports its `main`. Once per process. */
export function openRelease(id: string, version: string): Promise<OpenRelease> {
  const key = `${id}@${version}`
  const release = opened.get(key) ?? unpack(id, version)
  opened.set(key, release)
  return release
}

async function unpack(id: string, version: string): Promise<OpenRelease> {
  const { files } = releaseOf(id, version)
  const folder = mkdtempSync(join(tmpdir(), `catalyst-${id}-`))
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
  const text = (path: string): string => {
    const bytes = files.get(path)
    if (!bytes) throw new Error(`${id}@${version} has no ${path}`)
    return Buffer.from(bytes).toString('utf8')
  }
  const manifest = JSON.parse(text('manifest.json')) as Manifest
  const module = (await import(pathToFileURL(join(folder, manifest.main)).href)) as { createPlugin: CreatePlugin }
  return { manifest, createPlugin: module.createPlugin, folder, text }
}
