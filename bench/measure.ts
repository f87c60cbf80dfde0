import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A program as it is started. `env` is the whole environment. */
export interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Exit codes that are no failure. Default only 0. */
  readonly exits?: readonly number[]
}

/** Something to measure: what `prepare` does is not counted, the commands that it gives are, one after the other. */
export interface Case {
  readonly name: string
  prepare(): readonly Command[]
}

/** Milliseconds of every round, in their order. */
export interface Measured {
  readonly name: string
  readonly samples: readonly number[]
  readonly median: number
  readonly min: number
}

/**
 * Runs all cases `rounds` times, in turns, each round beginning with another one: whatever else the machine does meanwhile
 * happens to all of them. Before the rounds each case runs `warmUps` times uncounted.
 * @throws Error with the output of a command that failed
 */
export function inTurns(cases: readonly Case[], rounds: number, warmUps = 0): readonly Measured[] {
  for (let i = 0; i < warmUps; i++) for (const one of cases) timed(one)
  const samples = cases.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const turn = (round + i) % cases.length
      samples[turn]!.push(timed(cases[turn]!))
    }
  }
  return cases.map(({ name }, i) => measured(name, samples[i]!))
}

/** Median and least of samples. */
export function measured(name: string, samples: readonly number[]): Measured {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { name, samples, median, min: sorted[0]! }
}

/** What earlier runs wrote is on the disk before a run begins: else the first one that syncs a file pays for all of them. */
function timed(one: Case): number {
  const commands = one.prepare()
  spawnSync('sync')
  return commands.reduce((sum, command) => sum + run(command), 0)
}

/** Runs a command to its end. @returns milliseconds of the whole process. @throws Error with what it printed when it fails */
export function run({ argv: [file, ...args], cwd, env, exits = [0] }: Command): number {
  const log = openLog()
  try {
    const start = performance.now()
    const { status, error } = spawnSync(file, args, { cwd, env, stdio: ['ignore', log.file, log.file] })
    const ms = performance.now() - start
    if (error || status === null || !exits.includes(status)) throw new Error(`${file} ${args.join(' ')} in ${cwd} ended with ${error ?? status}:\n${log.text().slice(-4000)}`)
    return ms
  } finally {
    log.close()
  }
}

/** A file for what a command prints: a pipe would have to be read meanwhile. */
function openLog(): { readonly file: number; text(): string; close(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-bench-log-'))
  const path = join(folder, 'output')
  const file = openSync(path, 'w')
  return {
    file,
    text: () => readFileSync(path, 'utf8'),
    close() {
      closeSync(file)
      rmSync(folder, { recursive: true })
    },
  }
}
