import type { CatalystError, Place, Problem } from '../../schemas/errors.ts'
import { ERRORS } from '../../schemas/errors.ts'
import { printable } from '../../schemas/printable.ts'
import { safe, type Paint } from '../terminal.ts'
import { shownLine } from './source-line.ts'

/** Gives the text of a file that a problem points into, or undefined when it cannot be shown. */
export type SourceOf = (file: string) => string | undefined

/**
 * One problem as cargo shows it: what is wrong, where, the line itself with a mark under the place, the next step.
 *
 *     error[UNKNOWN_KEY]: unknown key "verison"; did you mean "version"?
 *       --> plugins.yaml:7:5
 *        |
 *      7 |     verison: ^2.1.0
 *        |     ^
 *       = help: Remove the key or correct its spelling.
 */
export function renderProblem(problem: Problem, paint: Paint, sourceOf: SourceOf = () => undefined): string {
  const warning = problem.severity === 'warning'
  const title = paint(warning ? 'change' : 'bad', `${warning ? 'warning' : 'error'}[${problem.code}]`)
  const hint = problem.hint ?? ERRORS[problem.code].hint
  return [`${title}: ${safe(problem.message)}`, ...placeLines(problem.place, paint, sourceOf), ...hintLines(hint, paint)].join('\n')
}

/** An error with all the problems that it carries. */
export function renderError(error: CatalystError, paint: Paint, sourceOf?: SourceOf): string {
  const problems: readonly Problem[] =
    error.problems.length > 0 ? error.problems : [{ code: error.code, message: error.message, hint: error.hint, ...(error.place ? { place: error.place } : {}) }]
  return problems.map((p) => renderProblem(p, paint, sourceOf)).join('\n\n')
}

function placeLines(place: Place | undefined, paint: Paint, sourceOf: SourceOf): readonly string[] {
  if (!place) return []
  const { file, line, column } = place
  const at = [safe(file), line, column].filter((x) => x !== undefined).join(':')
  const arrow = `  ${paint('place', '-->')} ${at}`
  const lines = line === undefined ? undefined : sourceOf(file)?.split('\n')
  const text = line === undefined || lines === undefined ? undefined : shownLine(lines, line - 1)
  if (line === undefined || text === undefined) return [arrow]
  const gutter = ' '.repeat(String(line).length + 1)
  const shown = clip(text.replace(/\r$/, '').replaceAll('\t', ' '), column ?? 1)
  return [arrow, ` ${gutter}${paint('place', '|')}`, ` ${paint('place', `${line} |`)} ${safe(shown.text)}`, ` ${gutter}${paint('place', '|')} ${' '.repeat(shown.column - 1)}${paint('bad', '^')}`]
}

/** A window of a long line around the column. */
function clip(text: string, column: number): { text: string; column: number } {
  if (text.length <= 100 || column < 60) return { text: text.slice(0, 100), column: Math.min(column, 101) }
  const start = column - 41
  return { text: text.slice(start, start + 100), column: 41 }
}

function hintLines(hint: string, paint: Paint): readonly string[] {
  const [first = '', ...rest] = printable(hint, { newlines: true }).split('\n')
  return [`  ${paint('place', '=')} help: ${first}`, ...rest.map((line) => `          ${line}`)]
}
