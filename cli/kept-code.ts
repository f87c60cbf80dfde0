import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { constants, Script } from 'node:vm'

/*
 * V8 compiles most functions when they are first called. Node's own compile cache keeps a file as it was before anything
 * in it was called, so with it alone each start compiles again whatever it runs: a tenth of a `rollback`. Here the files
 * of the bundle are kept as they are at the end of a command, with every function that it called.
 */

/** The bundle of a command, loaded with the code that an earlier run has compiled. */
export interface KeptCode {
  /** Loads a CommonJS file of the bundle, and through it those that it requires by a relative path; all others are Node's business. */
  load(path: string): unknown
  /** Writes down what is compiled by now, what was found and what came to it, unless enough runs did so before. Best at the end; never throws. */
  keep(): void
}

/**
 * `file` must be one that only those can write who may change the bundle itself: what stands in it is run. Another Node,
 * another processor, a damaged file cost a compilation, no error. Without `file` nothing is kept.
 */
export function openKeptCode(file: string | undefined): KeptCode {
  const { runs, files } = (file === undefined ? undefined : read(file)) ?? { runs: 0, files: new Map<string, Buffer>() }
  const scripts = new Map<string, Script>()
  const modules = new Map<string, { exports: unknown }>()
  let isNews = runs < RUNS_THAT_ADD

  const compile = (path: string): Script => {
    const name = basename(path)
    const cachedData = isNamedByContent(name) ? files.get(name) : undefined
    const script = new Script(`${HEAD}${readFileSync(path, 'utf8')}\n})`, { filename: path, columnOffset: -HEAD.length, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER, ...(cachedData ? { cachedData } : {}) })
    if (isNamedByContent(name)) {
      scripts.set(name, script)
      isNews ||= !cachedData || script.cachedDataRejected === true
    }
    return script
  }
  const load = (path: string): unknown => {
    const loaded = modules.get(path)
    if (loaded) return loaded.exports
    const module = { exports: {} }
    modules.set(path, module)
    const others = createRequire(path)
    const require = Object.assign((id: string): unknown => (id.startsWith('./') ? load(join(dirname(path), id)) : others(id)), { resolve: others.resolve })
    const run = compile(path).runInThisContext() as (...given: unknown[]) => void
    run.call(module.exports, module.exports, require, module, path, dirname(path))
    return module.exports
  }
  return { load, keep: () => void (file !== undefined && isNews && write(file, runs + 1, scripts)) }
}

/** The first run of a command may find nothing to do, so a few may add what they call. Later only a file that was not there before is worth the writing. */
const RUNS_THAT_ADD = 3

const HEAD = '(function (exports, require, module, __filename, __dirname) { '

/** V8 compares only lengths: code is kept for files alone that are called otherwise when they change. */
function isNamedByContent(name: string): boolean {
  return /-[0-9a-f]{8}\.cjs$/.test(name)
}

/** First a line of JSON, the files with their lengths, then their code in this order. */
interface Head {
  readonly runs: number
  /** Of the code: V8 runs what it is given, and after a power cut a file may hold anything. */
  readonly sha256: string
  readonly files: readonly (readonly [name: string, length: number])[]
}

function read(file: string): { readonly runs: number; readonly files: ReadonlyMap<string, Buffer> } | undefined {
  try {
    const bytes = readFileSync(file)
    let at = bytes.indexOf('\n') + 1
    const { runs, sha256, files } = JSON.parse(bytes.toString('utf8', 0, at)) as Head
    if (digest(bytes.subarray(at)) !== sha256) return undefined
    return { runs, files: new Map(files.map(([name, length]) => [name, bytes.subarray(at, (at += length))])) }
  } catch {
    return undefined
  }
}

function write(file: string, runs: number, scripts: ReadonlyMap<string, Script>): void {
  try {
    const parts = [...scripts].map(([name, script]) => [name, script.createCachedData()] as const)
    const code = Buffer.concat(parts.map(([, part]) => part))
    const head: Head = { runs, sha256: digest(code), files: parts.map(([name, part]) => [name, part.length]) }
    const temporary = `${file}.${process.pid}.next`
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(temporary, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), code]))
    renameSync(temporary, file)
  } catch {
    // It is there for speed alone.
  }
}

/** Loaded only here: a run that is answered at once does without. */
function digest(bytes: Uint8Array): string {
  return process.getBuiltinModule('node:crypto').hash('sha256', bytes)
}
