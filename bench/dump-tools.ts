import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'

/*
 * The tools that people back databases up with, as Debian packages them. `pg_dump` refuses a server that is newer than
 * itself; so the server beside which we are measured is the one of the same package.
 */

/** True when `sqlite3` can be run. */
export function hasSqlite(): boolean {
  return spawnSync('sqlite3', ['--version'], { stdio: 'ignore' }).status === 0
}

/** The folder with `pg_dump`, `psql`, `initdb` and `postgres` of one version, the newest; undefined when there is none. */
export function postgresPrograms(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(root, version, 'bin')).find((bin) => ['pg_dump', 'psql', 'initdb', 'postgres'].every((name) => existsSync(join(bin, name))))
}

export interface BenchServer {
  readonly url: string
  stop(): Promise<void>
}

/** Starts a server with its usual settings in `folder`, which must be empty and in folders that everybody may enter. */
export async function startServer(bin: string, folder: string): Promise<BenchServer> {
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  const user = process.getuid?.() === 0 ? 'nobody' : undefined
  if (user) chownSync(data, number(user, '-u'), number(user, '-g'))
  const as = (program: string, args: readonly string[]): [string, string[]] => {
    const identity = user ? [`--reuid=${user}`, `--regid=${number(user, '-g')}`, '--clear-groups'] : []
    return ['setpriv', [...identity, '--pdeathsig=QUIT', '--', join(bin, program), ...args]]
  }
  const [initdb, args] = as('initdb', ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'])
  execFileSync(initdb, args, { stdio: 'ignore' })
  const port = await freePort()
  const [program, options] = as('postgres', ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`, '-c', 'dynamic_shared_memory_type=mmap'])
  const server = spawn(program, options, { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((ready, failed) => {
    let log = ''
    server.once('exit', (code) => failed(new Error(`PostgreSQL ended with ${code}: ${log}`)))
    server.stderr.on('data', (chunk: Buffer) => {
      log = `${log}${chunk.toString()}`.slice(-4000)
      if (log.includes('ready to accept connections')) ready()
    })
  })
  const stop = async (): Promise<void> => {
    const gone = new Promise((done) => server.once('exit', done))
    server.kill('SIGQUIT')
    await gone
  }
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop }
}

function number(user: string, flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  return port
}
