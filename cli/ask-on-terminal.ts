import { CatalystError } from '../schemas/errors.ts'
import { tell } from './output.ts'

/** What was typed before it was asked for: whole lines, and the one that was begun. */
const ahead: string[] = []
let begun = ''
let ended = false

/**
 * Puts a question to the person at this terminal and gives the line typed, empty at the end of input, and from then on.
 * On stderr, so that stdout stays the result; a secret is not shown. What is typed ahead counts for the questions that follow.
 * Ctrl-C stops the command while nothing was done yet. @throws CatalystError USAGE
 */
export async function askOnTerminal(question: string, { secret = false } = {}): Promise<string> {
  const typed = ahead.shift() ?? (ended ? '' : undefined)
  if (typed === undefined) return nextLine(question, secret)
  tell(process.stderr, `${question}${secret ? '' : typed}\n`)
  return typed
}

async function nextLine(question: string, secret: boolean): Promise<string> {
  // Not by `import()`: in the bundle Node would say on the same terminal that it is experimental.
  const { createInterface } = process.getBuiltinModule('node:readline')
  const { Writable } = process.getBuiltinModule('node:stream')
  // A terminal that readline drives shows nothing by itself; what readline would show goes nowhere.
  const silent = new Writable({ write: (_bytes, _encoding, done) => done() })
  const prompt = createInterface(secret ? { input: process.stdin, output: silent, terminal: true } : { input: process.stdin, output: process.stderr })
  if (secret) tell(process.stderr, question)
  // One reading may bring several lines, and the end of input behind them: they are told before anybody can ask again.
  prompt.on('line', (line) => ahead.push(line))
  const atEnd = (): void => void (ended = true)
  prompt.once('close', atEnd)
  try {
    await new Promise<void>((answered, refuse) => {
      prompt.once('line', () => answered())
      prompt.once('close', answered)
      prompt.once('SIGINT', () => refuse(new CatalystError('USAGE', 'stopped at the question', { hint: 'Nothing was changed.' })))
      prompt.setPrompt(question)
      prompt.prompt()
      prompt.write(begun)
    })
    begun = prompt.line
    return ahead.shift() ?? ''
  } finally {
    if (secret) tell(process.stderr, '\n')
    prompt.off('close', atEnd)
    prompt.close()
  }
}
