import { spawn } from 'node:child_process'

/** How a process ended and what it printed. */
export interface Ended {
  readonly exit: number
  readonly out: string
  readonly err: string
}

/** Runs a program to its end. The environment is exactly the one given; a process killed by a signal ends with -1. */
export function runProcess(command: readonly [string, ...string[]], options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }): Promise<Ended> {
  const [program, ...args] = command
  return new Promise((done, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text))
    child.on('error', reject).on('close', (code) => done({ exit: code ?? -1, out, err }))
  })
}
