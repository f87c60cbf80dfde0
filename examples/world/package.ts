import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { byCodeUnit } from '../../schemas/digest.ts'
import type { Manifest } from '../../schemas/manifest.ts'
import { tgz } from './archive.ts'
import type { Files } from './bare-repository.ts'

/** A plugin to pack: valid as it is; say only what is special. */
export interface PluginInput {
  readonly id: string
  readonly version: string
  /** Laid over the manifest among `files`, or over one of type `generic` that asks for nothing. */
  readonly manifest?: Partial<Manifest>
  /** Laid over `manifest.json`, `package.json` and `index.js`; undefined takes one away. Paths are relative to the package. */
  readonly files?: Readonly<Record<string, string | Uint8Array | undefined>>
}

/** The manifest that such a plugin gets: the file's own, if there is one, under what is laid over it. */
export function manifestOf(plugin: PluginInput): Manifest {
  const { id, version, manifest } = plugin
  return { ...(writtenManifest(plugin) ?? { id, name: id, version, type: 'generic', main: 'index.js', license: 'Apache-2.0' }), ...manifest }
}

/** `manifest.json` of the files given; undefined when there is none, or one that is not JSON (a test may want that). */
function writtenManifest({ files }: PluginInput): Manifest | undefined {
  try {
    return JSON.parse(Buffer.from(files?.['manifest.json'] ?? '').toString()) as Manifest
  } catch {
    return undefined
  }
}

/** The files of the package, made ones and given ones. */
export function packageFiles(plugin: PluginInput): Files {
  const manifest = manifestOf(plugin)
  const made: Record<string, string | Uint8Array | undefined> = {
    'manifest.json': json(manifest),
    'package.json': json({ name: `catalyst-plugin-${plugin.id}`, version: plugin.version, type: 'module', main: manifest.main, license: manifest.license }),
    'index.js': codeOf(plugin),
    ...plugin.files,
    ...(plugin.manifest ? { 'manifest.json': json(manifest) } : {}),
  }
  return Object.fromEntries(Object.entries(made).filter((pair): pair is [string, string | Uint8Array] => pair[1] !== undefined))
}

/** `<id>-<version>.tgz` in the layout of `npm pack`: everything under `package/`, sorted; files of `bin/` may be executed. */
export function packPlugin(plugin: PluginInput): Buffer {
  const paths = Object.entries(packageFiles(plugin)).sort(([a], [b]) => byCodeUnit(a, b))
  return tgz(paths.map(([path, bytes]) => ({ path: `package/${path}`, bytes, mode: path.startsWith('bin/') ? 0o755 : 0o644 })))
}

/** Every file below a folder on disk, by its path there; later folders lie over earlier ones. */
export async function filesOfFolders(...folders: readonly string[]): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {}
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    for (const entry of entries.filter((e) => e.isFile())) {
      const path = join(entry.parentPath, entry.name)
      files[path.slice(folder.length).replaceAll('\\', '/').replace(/^\/+/, '')] = await readFile(path)
    }
  }
  return files
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** The smallest plugin that answers `health` and does something to see. */
function codeOf({ id, version }: PluginInput): string {
  return `export function createPlugin() {
  return {
    async health() {
      return { ok: true }
    },
    operations: {
      async version() {
        return ${JSON.stringify(`${id}@${version}`)}
      },
    },
  }
}
`
}
