import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openKeptCode } from '../../cli/kept-code.ts'

/* A bundle of two files: the entry requires a part that is named by its content. */

let dir: string
let kept: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'catalyst-kept-'))
  kept = join(dir, 'kept/lock')
  part('0000000a', 'return 1')
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Other content is another name, as a bundler gives it. */
function part(hash: string, body: string): void {
  writeFileSync(join(dir, `part-${hash}.cjs`), `exports.answer = function answer() { ${body} }\nexports.unused = function unused() { return [${'1, '.repeat(200)}] }`)
  writeFileSync(join(dir, 'entry.cjs'), `exports.part = require('./part-${hash}.cjs'); exports.sep = require('node:path').sep; exports.at = __filename`)
}

interface Entry {
  readonly part: { answer(): number; unused(): unknown }
  readonly sep: string
  readonly at: string
}

/** One run of a command: loads the bundle, calls what it calls, ends. */
function run(use: (entry: Entry) => unknown = ({ part }) => part.answer()): Entry {
  const code = openKeptCode(kept)
  const entry = code.load(join(dir, 'entry.cjs')) as Entry
  use(entry)
  code.keep()
  return entry
}

const runs = (): number => (JSON.parse(readFileSync(kept, 'latin1').split('\n')[0] ?? '') as { runs: number }).runs
const size = (): number => readFileSync(kept).length

test('files of the bundle find each other and what is Node’s', () => {
  const { part, sep, at } = run()
  expect([part.answer(), sep, at]).toEqual([1, '/', join(dir, 'entry.cjs')])
})

test('what was called is kept, what was not is added by a later run that calls it', () => {
  run()
  const first = size()
  run(({ part }) => part.unused())
  expect(size()).toBeGreaterThan(first + 200)
})

test('after a few runs nothing is written any more, until there is a file that was not there', () => {
  for (let i = 0; i < 5; i++) run()
  expect(runs()).toBe(3)
  part('0000000b', 'return 2')
  expect(run().part.answer()).toBe(2)
  expect(runs()).toBe(4)
})

test.each<[string, (bytes: Buffer) => Uint8Array]>([
  ['cut off', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['without its first line', (bytes) => bytes.subarray(bytes.indexOf('\n') + 1)],
  ['of rubbish', () => Buffer.from('rubbish')],
  ['with zeros in it', (bytes) => Buffer.concat([bytes.subarray(0, bytes.length - 100), Buffer.alloc(100)])],
])('a kept file %s costs a compilation and is written anew', (_, spoil) => {
  for (let i = 0; i < 3; i++) run()
  const whole = size()
  writeFileSync(kept, spoil(readFileSync(kept)))
  expect(run().part.answer()).toBe(1)
  expect(size()).toBeGreaterThan(whole * 0.9)
  expect(readdirSync(join(dir, 'kept'))).toEqual(['lock'])
})

/** The same in a process of its own: within one, V8 knows what it compiled without any file. */
function runElsewhere(...flags: string[]): void {
  const script = `import { openKeptCode } from ${JSON.stringify(new URL('../../cli/kept-code.ts', import.meta.url).href)}
    const code = openKeptCode(${JSON.stringify(kept)})
    if (code.load(${JSON.stringify(join(dir, 'entry.cjs'))}).part.answer() !== 1) process.exit(1)
    code.keep()`
  execFileSync(process.execPath, [...flags, '--input-type=module', '-e', script])
}

test('another process takes it, but not a V8 that compiles otherwise', () => {
  for (let i = 0; i < 4; i++) runElsewhere()
  expect(runs()).toBe(3)
  runElsewhere('--no-lazy')
  expect(runs()).toBe(4)
})

test('a file whose name does not change with its content is never kept', () => {
  run()
  writeFileSync(join(dir, 'entry.cjs'), readFileSync(join(dir, 'entry.cjs'), 'utf8').replace('exports.at', 'exports.to'))
  expect(run()).toHaveProperty('to')
  expect(readFileSync(kept, 'latin1').split('\n')[0]).not.toContain('entry.cjs')
})

test('nowhere to keep anything: it runs all the same', () => {
  const nowhere = openKeptCode(undefined)
  expect((nowhere.load(join(dir, 'entry.cjs')) as Entry).part.answer()).toBe(1)
  nowhere.keep()
  kept = join(dir, 'entry.cjs/no-folder')
  expect(run().part.answer()).toBe(1)
})

/** Starts a bundle whose `main` only gives its exit code, as bin/catalyst.cjs starts ours; gives the names of what is kept beside it. */
function started(argv: readonly string[], exit: number, env: Readonly<Record<string, string>> = {}): readonly string[] {
  writeFileSync(join(dir, 'catalyst.cjs'), `const { answer } = require('./part-0000000a.cjs'); exports.main = async () => answer() && ${exit}`)
  const script = `import { start } from ${JSON.stringify(new URL('../../cli/fast.ts', import.meta.url).href)}
    start(${JSON.stringify(argv)}, '1.0.0', ${JSON.stringify(dir)})`
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: dir, env: { ...process.env, ...env } })
  expect(status).toBe(exit)
  return readdirSync(dir, { recursive: true }).map(String).filter((name) => /^compile-cache\/[^/]+-[a-z]+$/.test(name)).map((name) => name.replace(/.*-/, ''))
}

test('each command keeps its own, beside the bundle; one that was refused keeps nothing', () => {
  expect(started(['rollbak'], 1)).toEqual([])
  expect(started(['lock', '--check'], 4)).toEqual(['lock'])
  expect(started(['-C', 'store', 'rollback', '--to', '1'], 0).toSorted()).toEqual(['lock', 'rollback'])
})

test('who wants no compile cache gets none', () => {
  expect(started(['lock'], 0, { NODE_DISABLE_COMPILE_CACHE: '1' })).toEqual([])
})
