import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CatalystError, type Problem, problemsOfError } from '../../schemas/errors.ts'

/** What a reader must say about a fixture: the marks `# ERROR: CODE, CODE hint` and `# WARNING: CODE` on the very lines. */
export interface Expected {
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  /** `line: hint` where a mark names one. */
  readonly hints: readonly string[]
}

/** The fixture files of a folder under test/fixtures, by name. */
export function fixtures(folder: string): readonly (readonly [string, Buffer])[] {
  const path = join(import.meta.dirname, '..', 'fixtures', folder)
  return readdirSync(path).sort().map((name) => [name, readFileSync(join(path, name))])
}

export function marksOf(text: string): Expected {
  const marks = text.split('\n').flatMap((line, i) => [...line.matchAll(/# (ERROR|WARNING): ([A-Z_]+(?:, [A-Z_]+)*)(?: (.*?))?\r?$/g)].map((m) => ({ line: i + 1, kind: m[1], codes: m[2]?.split(', ') ?? [], hint: m[3] })))
  const of = (kind: string) => marks.filter((m) => m.kind === kind).flatMap((m) => m.codes.map((code) => `${m.line}: ${code}`))
  return { errors: of('ERROR'), warnings: of('WARNING'), hints: marks.flatMap((m) => (m.hint ? [`${m.line}: ${m.hint}`] : [])) }
}

/** `line: CODE` of each problem, in order. A problem of the whole file is on line 1. */
export function linesOf(problems: readonly Problem[]): readonly string[] {
  return problems.map((p) => `${p.place?.line ?? 1}: ${p.code}`)
}

/** The problems that a reader throws; none when it returns. Anything but a CatalystError is a defect and passes through. */
export function problemsFrom(read: () => unknown): readonly Problem[] {
  try {
    read()
    return []
  } catch (error) {
    if (error instanceof CatalystError) return problemsOfError(error)
    throw error
  }
}
