import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { styleText } from 'node:util'

const ROOT = resolve(import.meta.dirname, '../..')

/** Tells the story on stdout: headings, remarks, commands with what they print. */
export interface Narrator {
  chapter(title: string): void
  say(text: string): void
  /** Runs `catalyst …` in the store and shows it as a person would see it. @throws Error when it ends otherwise than the story says */
  catalyst(args: string, options?: { readonly exit?: number }): Promise<string>
}

/** A narrator for one store. Colour when stdout is a terminal or FORCE_COLOR is set, never with NO_COLOR. */
export function narrator(store: string, env: NodeJS.ProcessEnv): Narrator {
  const colour = !process.env.NO_COLOR && (Boolean(process.env.FORCE_COLOR) || Boolean(process.stdout.isTTY))
  const paint = (style: Parameters<typeof styleText>[0], text: string): string => (colour ? styleText(style, text, { validateStream: false }) : text)
  const print = (text: string): void => void process.stdout.write(`${text}\n`)
  let chapters = 0
  let remarked = false
  return {
    chapter(title) {
      print(`\n${paint(['bold', 'cyan'], `━━ ${++chapters}. ${title} `.padEnd(86, '━'))}`)
      remarked = false
    },
    // One empty line between what is of different kinds.
    say(text) {
      print(`${remarked || text.startsWith('\n') ? '' : '\n'}${paint('italic', text)}`)
      remarked = true
    },
    async catalyst(args, { exit = 0 } = {}) {
      remarked = false
      print(`\n${paint('bold', `$ catalyst ${args}`)}`)
      const ran = await run(args.split(' '), store, { ...env, ...(colour ? { FORCE_COLOR: '1', NO_COLOR: undefined } : { NO_COLOR: '1', FORCE_COLOR: undefined }) })
      print(ran.output.trimEnd())
      print(paint('gray', `exit ${ran.code}`))
      if (ran.code !== exit) throw new Error(`catalyst ${args} ended with ${ran.code}, the story says ${exit}`)
      return ran.output
    },
  }
}

function run(args: readonly string[], store: string, env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'bin/catalyst.cjs'), ...args], { cwd: store, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const hear = (chunk: Buffer): void => void (output += chunk.toString('utf8'))
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('error', reject).on('close', (code) => done({ code: code ?? 1, output }))
  })
}
