import { spawn } from 'node:child_process'
import { redact } from '../schemas/errors.ts'
import { printable } from '../schemas/printable.ts'

/** How git ended. */
export interface GitEnd {
  readonly exit: number
  readonly out: Buffer
  /** Safe to show. */
  readonly err: string
}

/** What git is told by its environment. `header` is sent to URLs below `headerFor` alone. */
export interface GitSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly header?: { readonly below: string; readonly value: string } | undefined
}

const KEPT = ['PATH', 'HOME', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'https_proxy', 'http_proxy', 'no_proxy', 'SSL_CERT_FILE', 'GIT_SSL_CAINFO', 'SSH_AUTH_SOCK']
const PROTOCOLS = 'https:http:file:ssh'
const MAX_OUT_BYTES = 256 * 1024 * 1024

/**
 * Runs the git of this machine: what pushes and what writes trees, which isomorphic-git does not do for 100,000 files. It
 * asks nobody anything, speaks only the protocols named here, and finds secrets in its environment, not on its command line.
 */
export function runGit(args: readonly string[], surroundings: GitSurroundings, input?: Uint8Array, signal?: AbortSignal): Promise<GitEnd> {
  return new Promise((done, failed) => {
    const child = spawn('git', args, { env: environment(surroundings), stdio: ['pipe', 'pipe', 'pipe'], ...(signal ? { signal } : {}) })
    const out: Buffer[] = []
    let [size, err] = [0, '']
    child.stdout.on('data', (piece: Buffer) => {
      size += piece.length
      if (size > MAX_OUT_BYTES) child.kill()
      else out.push(piece)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (err = (err + text).slice(-4_000)))
    // git that ends early does not read what we still write; its exit code tells why.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.on('error', failed).on('close', (code) => done({ exit: code ?? -1, out: Buffer.concat(out), err: redact(printable(err.trim(), { newlines: true })) }))
  })
}

function environment({ env, header }: GitSurroundings): NodeJS.ProcessEnv {
  const config = header ? { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: `http.${header.below}/.extraHeader`, GIT_CONFIG_VALUE_0: header.value } : {}
  const kept = Object.fromEntries(KEPT.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
  return { ...kept, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: 'true', GIT_CONFIG_NOSYSTEM: '1', GIT_ALLOW_PROTOCOL: PROTOCOLS, GIT_OPTIONAL_LOCKS: '0', ...config }
}
