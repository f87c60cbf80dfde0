import type { SourceDocument } from './document.ts'
import { CatalystError, type Place, type Problem, problemsOfError, throwProblems } from './errors.ts'
import { parseJson } from './json.ts'
import { readText } from './source-text.ts'

/**
 * Parses a file of JSON values, one a line; empty lines are left out. Places tell the line of the file.
 * @throws CatalystError FILE_TOO_LARGE, NOT_UTF8, JSON_SYNTAX, FORBIDDEN_KEY with the problems of all lines
 */
export function parseJsonLines(bytes: Uint8Array | string, file: string, limits: { readonly maxBytes: number; readonly maxLineBytes: number }): readonly SourceDocument[] {
  const documents: SourceDocument[] = []
  const problems: Problem[] = []
  for (const [i, line] of readText(bytes, file, limits.maxBytes).split('\n').entries()) {
    if (line.trim() === '') continue
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
