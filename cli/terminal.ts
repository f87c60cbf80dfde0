import { styleText } from 'node:util'
import { printable } from '../schemas/printable.ts'
import { tell } from './output.ts'

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
  /** Puts a question to a person and gives what was typed, empty at the end of input. Absent where nobody can be asked. */
  readonly ask?: ((question: string) => Promise<string>) | undefined
  /** The same without showing what is typed. */
  readonly askSecret?: ((question: string) => Promise<string>) | undefined
}

/** The terminal of this process. Colour only on terminals, never with NO_COLOR (https://no-color.org), always with FORCE_COLOR. */
export function processTerminal(env: NodeJS.ProcessEnv = process.env): Terminal {
  // Node makes each stream, and loads what it needs for it, when it is first looked at.
  let colour: boolean | undefined
  const isInteractive = (): boolean => Boolean(process.stderr.isTTY) && env.TERM !== 'dumb' && !env.CI
  return {
    out: (text) => tell(process.stdout, `${text}\n`),
    err: (text) => tell(process.stderr, `${text}\n`),
    get colour() {
      return (colour ??= env.NO_COLOR ? false : env.FORCE_COLOR && env.FORCE_COLOR !== '0' ? true : Boolean(process.stdout.isTTY) && env.TERM !== 'dumb')
    },
    get interactive() {
      return isInteractive()
    },
    get columns() {
      return process.stdout.columns ?? 100
    },
    get ask() {
      return isInteractive() && process.stdin.isTTY ? (question: string) => askOnTerminal(question) : undefined
    },
    get askSecret() {
      return isInteractive() && process.stdin.isTTY ? (question: string) => askOnTerminal(question, { secret: true }) : undefined
    },
  }
}

/** Loaded when something is asked: most commands ask nothing. */
async function askOnTerminal(question: string, options?: { readonly secret: boolean }): Promise<string> {
  return (await import('./ask-on-terminal.ts')).askOnTerminal(question, options)
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
