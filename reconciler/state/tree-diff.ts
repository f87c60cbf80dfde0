import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { diff } from 'node:util'

/** The name of the diff in a folder of the quarantine. */
export const DIFF_FILE = 'altered.diff'

/** What is shown of one file; the altered one lies beside the diff as a whole. */
const MAX_BYTES = 64 * 1024
const MAX_LINES = 400
const CONTEXT = 3

/**
 * How an altered tree differs from the proven one, for people: per file `--- proven`, `+++ altered` and the lines that differ with
 * three around them. Files that are not text, or large, are only named. Follows no link.
 */
export function treeDiff(proven: string, altered: string): string {
  const paths = [...new Set([...filesIn(proven), ...filesIn(altered)])].sort()
  return paths.flatMap((path) => fileDiff(path, textOf(join(proven, path)), textOf(join(altered, path)))).join('\n')
}

type Text = string | 'absent' | Uint8Array

function fileDiff(path: string, before: Text | undefined, after: Text | undefined): readonly string[] {
  if (same(before, after)) return []
  if (before === undefined) return [`+++ altered/${path}`, '    not in the release', ...(typeof after === 'string' ? cut(after.split('\n').map((line) => `+${line}`)) : [])]
  if (after === undefined) return [`--- proven/${path}`, '    missing']
  const head = [`--- proven/${path}`, `+++ altered/${path}`]
  if (typeof before !== 'string' || typeof after !== 'string') return [...head, '    differs, and is not text or too large to be shown']
  return [...head, ...cut(hunks(diff(before.split('\n'), after.split('\n')) as readonly (readonly [number, string])[]))]
}

/** Lines with `-` are the release's, with `+` the altered ones; what is far from both is left out. */
function hunks(lines: readonly (readonly [number, string])[]): readonly string[] {
  const near = (at: number): boolean => lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(([op]) => op !== 0)
  return lines.flatMap(([op, line], at) => {
    if (!near(at)) return near(at - 1) && at > 0 ? ['@@'] : []
    // node:util marks with 1 what the first text alone has, and with -1 what the second alone has.
    return [`${op === 0 ? ' ' : op > 0 ? '-' : '+'}${line}`]
  })
}

function cut(lines: readonly string[]): readonly string[] {
  return lines.length <= MAX_LINES ? lines : [...lines.slice(0, MAX_LINES), `    and ${lines.length - MAX_LINES} more lines`]
}

function filesIn(folder: string): readonly string[] {
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}

/** The text, the bytes where it is none, undefined where there is no file. */
function textOf(path: string): Text | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return undefined
  if (found.isSymbolicLink()) return Buffer.from(`\0${readlinkSync(path)}`)
  if (!found.isFile()) return Buffer.from('\0neither file nor link')
  const bytes = readFileSync(path)
  return bytes.length > MAX_BYTES || bytes.includes(0) ? bytes : bytes.toString('utf8')
}

function same(a: Text | undefined, b: Text | undefined): boolean {
  if (typeof a === 'string' || typeof b === 'string' || !a || !b) return a === b
  return Buffer.compare(a, b) === 0
}
