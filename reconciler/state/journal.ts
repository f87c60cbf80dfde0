import { closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { readIfThere, trying } from './disk.ts'

/** One line of the journal: what somebody is about to do, or has seen done. */
export interface JournalLine {
  readonly kind: 'intent' | 'observed'
  /** One key per step, e.g. `apply`, `activate:7`. An intent is open until the same key was observed. */
  readonly key: string
  readonly at: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** What the journal of a store tells: it exists only while something is under way, or was when the machine stopped. */
export interface JournalState {
  readonly lines: readonly JournalLine[]
  /** Intents without an observation, oldest first: each must be looked at again. */
  readonly open: readonly JournalLine[]
}

/**
 * An open journal. An intent is on disk when the call returns. An observation need not be: one that is lost is looked
 * up again. Nor is the folder synced: without a journal the next pass still compares `current` with the database.
 */
export interface Journal {
  intent(key: string, at: string, details?: JournalLine['details']): void
  observed(key: string, at: string, details?: JournalLine['details']): void
  /** Everything was finished or undone: the journal goes away. */
  clear(): void
}

/**
 * Reads the journal. A torn last line (the machine stopped while it was written) counts as not written; a line in the
 * middle that cannot be read is left out too, for what the journal does not tell is looked up again anyway.
 */
export function readJournal(path: string): JournalState {
  const text = trying(`read the journal ${path}`, () => readIfThere(path)) ?? ''
  const lines = text.split('\n').flatMap(parseLine)
  const seen = new Set(lines.filter((line) => line.kind === 'observed').map((line) => line.key))
  return { lines, open: lines.filter((line) => line.kind === 'intent' && !seen.has(line.key)) }
}

/** Opens the journal for appending. @throws CatalystError DISK_FULL, READ_ONLY */
export function openJournal(path: string): Journal {
  const append = (line: JournalLine): void => trying(`write the journal ${path}`, () => appendLine(path, line))
  return {
    intent: (key, at, details) => append({ kind: 'intent', key, at, ...(details ? { details } : {}) }),
    observed: (key, at, details) => append({ kind: 'observed', key, at, ...(details ? { details } : {}) }),
    clear: () => trying(`clear the journal ${path}`, () => rmSync(path, { force: true })),
  }
}

// Not through a link that somebody left in its place: it could lead to any file of this user.
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW

function appendLine(path: string, line: JournalLine): void {
  mkdirSync(dirname(path), { recursive: true })
  const begun = existsSync(path)
  const file = openSync(path, APPEND, 0o644)
  try {
    // A line feed first: after a torn line the new one still stands on its own.
    writeSync(file, `${begun ? '\n' : ''}${JSON.stringify(line)}\n`)
    if (line.kind === 'intent') fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function parseLine(text: string): JournalLine[] {
  if (text === '') return []
  try {
    const line = JSON.parse(text) as JournalLine
    const known = (line.kind === 'intent' || line.kind === 'observed') && typeof line.key === 'string'
    return known ? [line] : []
  } catch {
    return []
  }
}
