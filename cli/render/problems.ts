import type { CatalystError, Place, Problem } from '../../schemas/errors.ts'
import { ERRORS, redact } from '../../schemas/errors.ts'
import { printable } from '../../schemas/printable.ts'
import { safe, type Paint } from '../terminal.ts'

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
  const text = line === undefined || lines === undefined ? undefined : masked(lines, line - 1)
  if (line === undefined || text === undefined) return [arrow]
  const gutter = ' '.repeat(String(line).length + 1)
  const shown = clip(text.replace(/\r$/, '').replaceAll('\t', ' '), column ?? 1)
  return [arrow, ` ${gutter}${paint('place', '|')}`, ` ${paint('place', `${line} |`)} ${safe(shown.text)}`, ` ${gutter}${paint('place', '|')} ${' '.repeat(shown.column - 1)}${paint('bad', '^')}`]
}

const KEY = /^(\s*(?:- )?)(["']?)([\w.-]+)\2\s*:/
const SPOKEN = /((?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|credentials?)["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^\s,}\]]+)/gi

/**
 * A line of plugins.yaml without what may be a secret (law 8): people write passwords into the config of a plugin, and
 * logs of CI have more readers than the repository. Keys stay, so that the place can be found.
 */
function masked(lines: readonly string[], index: number): string | undefined {
  const text = lines[index]
  if (text === undefined) return undefined
  const [start, , , key = ''] = KEY.exec(text) ?? []
  const path = [...ancestors(lines, index).reverse(), key]
  const isPrivate = (path[0] === 'plugins' && path.includes('config', 2)) || (path[0] === 'store' && path[1] === 'database')
  return isPrivate ? `${start ?? ' '.repeat(indentOf(text))} …` : redact(text.replace(SPOKEN, '$1***'))
}

/** The keys that a line stands under, by indentation; the nearest first. */
function ancestors(lines: readonly string[], index: number): string[] {
  const found: string[] = []
  let indent = indentOf(lines[index] ?? '')
  for (let at = index - 1; at >= 0 && indent > 0; at--) {
    const line = lines[at] ?? ''
    const key = KEY.exec(line)?.[3]
    if (key === undefined || indentOf(line) >= indent) continue
    found.push(key)
    indent = indentOf(line)
  }
  return found
}

/** A tab is as wide as it is meant to be at most: what looks nested counts as nested. */
function indentOf(line: string): number {
  return /^\s*/.exec(line)?.[0].replaceAll('\t', '        ').length ?? 0
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
