import { constants, enableCompileCache } from 'node:module'
import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { storePaths } from '../reconciler/state/paths.ts'
import { checkStamp, type FreshStamp, type StampInput } from '../reconciler/state/stamp.ts'
import { stampValues } from '../reconciler/state/stamped-values.ts'
import { quickReferenceKey, quickSerial } from '../reconciler/store-db/serial.ts'
import { openKeptCode } from './kept-code.ts'
import { tell } from './output.ts'
import { secretsOf } from './secrets.ts'

/*
 * What every run loads first. It answers `plan` and `apply` when nothing changed since the last complete apply: one
 * small file, two stats, one link, one question to the database. In any doubt the whole command is loaded.
 */

/** Starts the command; sets the exit code of the process. */
export function start(argv: readonly string[], version: string, here: string, load: (file: string) => void = run(argv)): void {
  const dir = nothingElseAsked(argv)
  const answer = dir === undefined ? undefined : nothingToDo(resolve(dir), version)
  if (answer) {
    tell(process.stdout, `No changes. ${answer.plugins} plugin${answer.plugins === 1 ? '' : 's'} as wanted; last looked at ${ago(answer.checkedAt)}.\n`)
    return
  }
  load(join(here, 'catalyst.cjs'))
}

function run(argv: readonly string[]): (file: string) => Promise<void> {
  return async (file) => {
    const folder = rememberCompiled(dirname(file), join(resolve(dirIn(argv)), '.catalyst'))
    const code = openKeptCode(folder && join(folder, `${process.version}-${process.arch}-${wordIn(argv)}`))
    const { main } = code.load(file) as typeof import('./main.ts')
    process.exitCode = await main(argv)
    // What was refused has run too little to be worth keeping.
    if (process.exitCode !== 1) process.once('exit', () => code.keep())
  }
}

/**
 * Keeps V8's compiled code beside the code that it is made from: whoever can write there can change the code itself. Where
 * this user may not, with the store. Never in a shared temporary folder, as is Node's default. Gives the folder.
 */
function rememberCompiled(dist: string, store: string): string | undefined {
  const best = join(dist, 'compile-cache')
  const { status } = enableCompileCache(best)
  if (status === constants.compileCacheStatus.DISABLED) return undefined
  if (status !== constants.compileCacheStatus.FAILED) return best
  const beside = join(store, 'compile-cache')
  if (!existsSync(store) || !madeByUs(beside)) return undefined
  enableCompileCache(beside)
  return beside
}

/**
 * True for a folder that was made here, now or before. A checkout can bring a folder full of compiled code, and it would
 * run as ours; but git makes no folder with a sticky bit, whatever the umask.
 */
export function madeByUs(folder: string): boolean {
  try {
    if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o1700)
    const found = lstatSync(folder)
    return found.isDirectory() && (found.mode & 0o7777) === 0o1700 && found.uid === process.getuid?.()
  } catch {
    return false // it is there for speed alone
  }
}

/** The store when the question is just `plan` or `apply`, perhaps with `-C DIR` and `--detailed-exitcode`; else undefined. */
function nothingElseAsked(argv: readonly string[]): string | undefined {
  const rest = [...argv]
  const at = rest.findIndex((a) => a === '-C' || a === '--dir')
  const dir = at < 0 ? '.' : rest.splice(at, 2)[1]
  const words = rest.filter((a) => a !== '--detailed-exitcode')
  return words.length === 1 && (words[0] === 'plan' || (words[0] === 'apply' && rest.length === 1)) ? dir : undefined
}

function dirIn(argv: readonly string[]): string {
  const at = argv.findIndex((a) => a === '-C' || a === '--dir')
  return at < 0 ? '.' : (argv[at + 1] ?? '.')
}

/** The command that is asked for: code is kept for each, because each calls other functions. */
function wordIn(argv: readonly string[]): string {
  return argv.find((word, i) => /^[a-z]{1,20}$/.test(word) && !['-C', '--dir'].includes(argv[i - 1] ?? '')) ?? 'catalyst'
}

function nothingToDo(store: string, version: string): FreshStamp | undefined {
  const paths = storePaths(store)
  const values: StampInput['values'] = (of, database) => {
    const key = quickReferenceKey(database)
    return key === undefined ? undefined : stampValues(key, of, secretsOf(store, process.env).valueOf)
  }
  const input = { tool: version, files: [join(store, 'plugins.yaml'), join(store, 'plugins.lock.yaml')], values }
  const answer = checkStamp(paths, input, new Date().toISOString(), quickSerial)
  return answer.fresh ? answer : undefined
}

function ago(instant: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(instant)) / 1000))
  if (seconds < 90) return `${seconds} s ago`
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min ago`
  return seconds < 36 * 3600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`
}
