import { CatalystError } from './errors.ts'

/* git's conflict markers: `<<<<<<<` ours, with diff3 `|||||||` the common ancestor, `=======` theirs, `>>>>>>>`. */

const MARKER = /^(<{7}|\|{7}|={7}|>{7})(?: [^\r\n]*)?\r?$/

/** Both sides of a conflicted file. */
export interface Sides {
  readonly ours: string
  readonly theirs: string
}

/** The first line that is a conflict marker, or undefined. */
export function conflictMarker(text: string): { readonly line: number; readonly text: string } | undefined {
  if (!/^[<>|=]{7}/m.test(text)) return undefined
  const lines = text.split('\n')
  const index = lines.findIndex((line) => MARKER.test(line))
  return index < 0 ? undefined : { line: index + 1, text: lines[index]?.slice(0, 7) ?? '' }
}

/**
 * Splits a file with conflict markers (plain or diff3) into the file as each side had it. A file without markers is both.
 * @throws CatalystError LOCK_INVALID when a marker has no partner
 */
export function splitConflicts(text: string, file = 'plugins.lock.yaml'): Sides {
  const ours: string[] = []
  const theirs: string[] = []
  let side: Side = 'both'
  for (const [i, line] of text.split('\n').entries()) {
    const marker = MARKER.exec(line)?.[1]?.[0]
    if (marker !== undefined) {
      side = nextSide(side, marker) ?? refuse(file, i + 1, `the marker ${line.slice(0, 7)} has no partner`)
    } else {
      if (side === 'both' || side === 'ours') ours.push(line)
      if (side === 'both' || side === 'theirs') theirs.push(line)
    }
  }
  if (side !== 'both') refuse(file, text.split('\n').length, 'the last conflict is never closed')
  return { ours: ours.join('\n'), theirs: theirs.join('\n') }
}

type Side = 'both' | 'ours' | 'base' | 'theirs'

function nextSide(side: Side, marker: string): Side | undefined {
  if (marker === '<') return side === 'both' ? 'ours' : undefined
  if (marker === '|') return side === 'ours' ? 'base' : undefined
  if (marker === '=') return side === 'ours' || side === 'base' ? 'theirs' : undefined
  return side === 'theirs' ? 'both' : undefined
}

function refuse(file: string, line: number, message: string): never {
  throw new CatalystError('LOCK_INVALID', `${file}: ${message}`, { place: { file, line, column: 1 } })
}
