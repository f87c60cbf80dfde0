import type { SourceDocument } from './document.ts'
import { CatalystError, type Place, type Problem, problemsOfError, throwProblems } from './errors.ts'
import { parseJson } from './json.ts'
import { readText } from './source-text.ts'
import { MAX_PROBLEMS } from './validate.ts'

/** What a file of lines may cost. A file of four million lines of a byte costs gigabytes, though its bytes are few. */
export interface LineLimits {
  readonly maxBytes: number
  readonly maxLineBytes: number
  readonly maxLines: number
}

/**
 * Parses a file of JSON values, one a line; empty lines are left out. Places tell the line of the file.
 * @throws CatalystError FILE_TOO_LARGE, NOT_UTF8, JSON_SYNTAX, FORBIDDEN_KEY with the problems of all lines, at most a hundred
 */
export function parseJsonLines(bytes: Uint8Array | string, file: string, limits: LineLimits): readonly SourceDocument[] {
  const text = readText(bytes, file, limits.maxBytes)
  refuseTooMany(text, file, limits.maxLines)
  const documents: SourceDocument[] = []
  const problems: Problem[] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    if (problems.length >= MAX_PROBLEMS) break
    try {
      documents.push(shifted(parseJson(line, file, { maxBytes: limits.maxLineBytes }), i))
    } catch (error) {
      if (!(error instanceof CatalystError)) throw error
      problems.push(...problemsOfError(error).map((problem) => ({ ...problem, place: below(problem.place ?? { file, line: 1 }, i) })))
    }
  }
  throwProblems(problems)
  return documents
}

function refuseTooMany(text: string, file: string, maxLines: number): void {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    if (++lines > maxLines) throw new CatalystError('FILE_TOO_LARGE', `${file} has more than ${maxLines} lines`, { place: { file } })
  }
}

function shifted(document: SourceDocument, lines: number): SourceDocument {
  return {
    file: document.file,
    value: document.value,
    placeOf: (path, of) => {
      const place = document.placeOf(path, of)
      return place && below(place, lines)
    },
    sourceOf: (path) => document.sourceOf(path),
  }
}

function below(place: Place, lines: number): Place {
  return { ...place, line: (place.line ?? 1) + lines }
}
