import { lstatSync, readFileSync } from 'node:fs'
import { CatalystError } from '../schemas/errors.ts'
import { runCommand, type CommandContext } from './command.ts'
import type { HouseOptions } from './compose.ts'
import { parseArguments, type Invocation } from './program.ts'
import { painter, processTerminal, type Terminal } from './terminal.ts'
import { renderError } from './render/problems.ts'
import { toolVersion } from './version.ts'

/** Runs `catalyst` with these arguments; the exit code is RECONCILER.md's. Never throws. A test gives its own surroundings. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal(), around: Around = {}): Promise<number> {
  const invocation = parse(argv, terminal)
  if (typeof invocation === 'number') return invocation
  return invocation.of === 'registry' ? onRegistry(invocation, terminal, around) : onStore(invocation, terminal, around)
}

type Around = Pick<HouseOptions, 'env' | 'now' | 'onBoundary'>

async function onStore(invocation: Extract<Invocation, { of: 'store' }>, terminal: Terminal, around: Around): Promise<number> {
  const { openHouse } = await import('./compose.ts')
  const house = openHouse(invocation.dir, { ...around, terminal, quiet: invocation.json })
  const context: CommandContext = { house, terminal, paint: painter(terminal), json: invocation.json }
  try {
    return await runCommand(invocation.name, (given) => invocation.run(given), context, readSource)
  } finally {
    await house.close()
  }
}

async function onRegistry(invocation: Extract<Invocation, { of: 'registry' }>, terminal: Terminal, around: Around): Promise<number> {
  const { openRegistryHouse } = await import('./compose-registry.ts')
  const registry = openRegistryHouse(invocation.dir, { ...around, terminal, quiet: invocation.json })
  try {
    return await runCommand(invocation.name, (given) => invocation.run(given), { registry, terminal, paint: painter(terminal), json: invocation.json }, readSource)
  } finally {
    await registry.close()
  }
}

function parse(argv: readonly string[], terminal: Terminal): Invocation | number {
  try {
    return parseArguments(argv, toolVersion(), (text) => terminal.out(text.trimEnd())) ?? 0
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    if (argv.includes('--json')) terminal.out(JSON.stringify({ formatVersion: 1, command: null, exit: error.exit, result: null, problems: [{ severity: 'error', code: error.code, message: error.message, hint: error.hint }] }, null, 2))
    else terminal.err(renderError(error, painter(terminal)))
    return error.exit
  }
}

/** The text of a file that an error points into, to show the line. Not through a link: a commit may point one at any file of this machine, and logs are read by others. */
function readSource(file: string): string | undefined {
  try {
    if (lstatSync(file).isSymbolicLink()) return undefined
    return readFileSync(file, 'utf8').slice(0, 2_000_000)
  } catch {
    return undefined
  }
}
