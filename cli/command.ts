import { CatalystError, highestExit, type Problem } from '../schemas/errors.ts'
import { renderError, renderProblem, type SourceOf } from './render/problems.ts'
import { painter, type Paint, type Terminal } from './terminal.ts'
import type { House } from './compose.ts'

/** The version of what `--json` prints. Documented in docs/formats.md. */
export const OUTPUT_FORMAT_VERSION = 1

/** Options that every command has. */
export interface CommonOptions {
  readonly json: boolean
  readonly dir: string
}

/** What a command found or did: one value for people and machines. */
export interface CommandResult {
  readonly exit: number
  /** For people; empty prints nothing. */
  readonly text: string
  /** For machines: becomes `result` of the JSON document. */
  readonly result: unknown
  /** Everything wrong that did not stop the command. Shown after the text; takes part in the exit code by its code. */
  readonly problems?: readonly Problem[]
}

/** What a command is given. */
export interface CommandContext {
  readonly house: House
  readonly terminal: Terminal
  readonly paint: Paint
  readonly json: boolean
}

/** A command; `C` is what it works on: a store, or a registry. */
export type Command<A, C = CommandContext> = (context: C, args: A) => Promise<CommandResult>

/** What every context has: all that is needed to tell a result. */
export type Telling = Pick<CommandContext, 'terminal' | 'json'>

/**
 * Runs one command and tells its exit code. Prints the result on stdout, problems on stderr; with `--json` one
 * document on stdout in every case: `{ formatVersion, command, exit, result, problems }`.
 */
export async function runCommand<C extends Telling>(name: string, run: (context: C) => Promise<CommandResult>, context: C, sourceOf: SourceOf): Promise<number> {
  const outcome = await settle(() => run(context))
  const { exit, result, problems } = outcome
  if (context.json) {
    context.terminal.out(JSON.stringify({ formatVersion: OUTPUT_FORMAT_VERSION, command: name, exit, result, problems: problems.map(jsonProblem) }, null, 2))
    return exit
  }
  if (outcome.text !== '') context.terminal.out(outcome.text)
  if (outcome.text !== '' && outcome.problems.length > 0 && context.terminal.interactive) context.terminal.err('')
  if (outcome.error) context.terminal.err(renderError(outcome.error, painter(context.terminal), sourceOf))
  else for (const problem of problems) context.terminal.err(renderProblem(problem, painter(context.terminal), sourceOf))
  return exit
}

interface Settled {
  readonly exit: number
  readonly text: string
  readonly result: unknown
  readonly problems: readonly Problem[]
  readonly error?: CatalystError
}

async function settle(run: () => Promise<CommandResult>): Promise<Settled> {
  try {
    const { exit, text, result, problems = [] } = await run()
    return { exit: highestExit([exit, ...problems.map(exitOf)]), text, result, problems }
  } catch (thrown) {
    const error = thrown instanceof CatalystError ? thrown : new CatalystError('INTERNAL', `${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`, { cause: thrown })
    const problems = error.problems.length > 0 ? error.problems : [{ code: error.code, message: error.message, hint: error.hint, ...(error.place ? { place: error.place } : {}) }]
    return { exit: error.exit, text: '', result: null, problems, error }
  }
}

function exitOf(problem: Problem): number {
  return problem.severity === 'warning' ? 0 : new CatalystError(problem.code, '').exit
}

function jsonProblem(problem: Problem): Record<string, unknown> {
  const { code, message, place, hint, severity = 'error' } = problem
  return { severity, code, message, hint: hint ?? new CatalystError(code, '').hint, ...(place ? { place } : {}) }
}
