import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { byCodeUnit, sha256 } from '../../schemas/digest.ts'
import { readIndexLines } from '../../schemas/registry-files.ts'

/** Paths in the folder that the script makes; all else there is written by people. */
export const MADE = ['registry.yaml', 'trusted-root.json', 'entries', 'index', 'artifacts', 'bundles'] as const

/**
 * Where the committed folder is not what the script makes now, one line each; empty when it is. Signatures are made with
 * new keys each time, so bundles and root are not compared; that each committed bundle is the one its line names, is.
 */
export function differences(made: ReadonlyMap<string, Uint8Array>, committed: ReadonlyMap<string, Uint8Array>): readonly string[] {
  const paths = [...new Set([...made.keys(), ...committed.keys()])].sort(byCodeUnit)
  return paths.flatMap((path) => {
    const [now, then] = [made.get(path), committed.get(path)]
    if (!now || !then) return [now ? `${path} is missing` : `${path} is made no more`]
    if (path.startsWith('index/')) return [...linesDiffer(path, now, then), ...foreignBundles(path, then, committed)]
    if (path.startsWith('bundles/') || path === 'trusted-root.json') return []
    return sha256(now) === sha256(then) ? [] : [`${path} is ${sha256(then)}, made now it is ${sha256(now)}`]
  })
}

/** The files of the folder that the script makes, by path. */
export function committedFiles(folder: string): ReadonlyMap<string, Uint8Array> {
  const rows = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((row) => row.isFile())
  const paths = rows.map((row) => relative(folder, join(row.parentPath, row.name)).replaceAll('\\', '/'))
  const ours = paths.filter((path) => MADE.some((made) => path === made || path.startsWith(`${made}/`)))
  return new Map(ours.sort(byCodeUnit).map((path) => [path, readFileSync(join(folder, path))]))
}

function linesDiffer(path: string, now: Uint8Array, then: Uint8Array): readonly string[] {
  const [made, kept] = [now, then].map((bytes) => readIndexLines(bytes, path).map(({ bundle: { url }, ...line }) => JSON.stringify({ ...line, bundle: { url } })))
  return made?.join('\n') === kept?.join('\n') ? [] : [`${path} has other lines:\n  committed ${kept?.join('\n            ')}\n  made now  ${made?.join('\n            ')}`]
}

function foreignBundles(path: string, bytes: Uint8Array, committed: ReadonlyMap<string, Uint8Array>): readonly string[] {
  return readIndexLines(bytes, path).flatMap(({ bundle }) => {
    const file = committed.get(bundle.url.slice('file:'.length))
    return file && sha256(file) === bundle.sha256 && file.length === bundle.size ? [] : [`${bundle.url} is not the file that ${path} names`]
  })
}
