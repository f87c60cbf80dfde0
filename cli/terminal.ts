import { styleText } from 'node:util'
import { printable } from '../schemas/printable.ts'

/** What a command writes to. Tests give their own; a real run gives stdout and stderr. */
export interface Terminal {
  /** The result, for people or as JSON. */
  readonly out: (text: string) => void
  /** Progress, warnings and errors. */
  readonly err: (text: string) => void
  readonly colour: boolean
  /** True when a person watches stderr: progress may redraw its line. */
  readonly interactive: boolean
  readonly columns: number
}

/** The terminal of this process. Colour only on terminals, never with NO_COLOR (https://no-color.org), always with FORCE_COLOR. */
export function processTerminal(env: NodeJS.ProcessEnv = process.env): Terminal {
  const colour = env.NO_COLOR ? false : env.FORCE_COLOR && env.FORCE_COLOR !== '0' ? true : Boolean(process.stdout.isTTY) && env.TERM !== 'dumb'
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    colour,
    interactive: Boolean(process.stderr.isTTY) && env.TERM !== 'dumb' && !env.CI,
    columns: process.stdout.columns ?? 100,
  }
}

export type Tone = 'good' | 'change' | 'bad' | 'quiet' | 'strong' | 'place'

const STYLES = { good: 'green', change: 'yellow', bad: 'red', quiet: 'gray', strong: 'bold', place: 'cyan' } as const

/** Paints text for a terminal that shows colour. The words alone must say all: colour only helps the eye. */
export type Paint = (tone: Tone, text: string) => string

export function painter(terminal: Pick<Terminal, 'colour'>): Paint {
  return (tone, text) => (terminal.colour ? styleText(STYLES[tone], text, { validateStream: false }) : text)
}

/** Foreign text on one line, safe for terminals. */
export function safe(text: string): string {
  return printable(text, { max: 2_000 })
}
