import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/* Catalogs of other communities: real names, sizes and digests. The folder is not part of the repository; a slice of krew-index is. */

const ROOT = resolve(import.meta.dirname, '../..')
const FOLDER = process.env.CATALYST_REAL_DATA ?? join(ROOT, '../shared/data')

/** The folder with all of the data; undefined where it is absent: then tests that need it say so and are left out. */
export const REAL_DATA: string | undefined = existsSync(join(FOLDER, 'krew-index.ndjson')) ? FOLDER : undefined

/** A plugin of kubernetes-sigs/krew-index. */
export interface KrewPlugin {
  readonly id: string
  readonly version: string
  readonly homepage: string
  readonly summary: string
  readonly artifacts: readonly { readonly url: string; readonly sha256: string }[]
}

/** All plugins of krew-index. Only with `REAL_DATA`. */
export function krewPlugins(): readonly KrewPlugin[] {
  return readNdjson(join(REAL_DATA ?? '', 'krew-index.ndjson'))
}

/** The plugins of krew-index that are committed here. */
export function krewSlice(): readonly KrewPlugin[] {
  return readNdjson(join(ROOT, 'test/fixtures/krew-index/slice.ndjson'))
}

function readNdjson(file: string): readonly KrewPlugin[] {
  return readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as KrewPlugin)
}

/** `owner/name` of the repositories of hacs/default, of all categories. Only with `REAL_DATA`. */
export function hacsRepositories(): readonly string[] {
  const lists = JSON.parse(readFileSync(join(REAL_DATA ?? '', 'hacs-default.json'), 'utf8')) as Record<string, unknown>
  const names = Object.entries(lists).filter(([key]) => ['appdaemon', 'integration', 'netdaemon', 'plugin', 'python_script', 'template', 'theme'].includes(key)).flatMap(([, list]) => list as string[])
  return [...new Set(names)]
}
