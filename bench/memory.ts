import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Command } from './measure.ts'

/** Memory of a run, in bytes. */
export interface Peak {
  /** The most that all processes of the run held at one moment; what several share is counted once (PSS, proc(5)). */
  readonly tree: number
  /** The most that one process ever held, shared parts included (VmHWM, proc(5)). */
  readonly process: number
}

const EVERY_MS = 5

/** Runs a command and looks at its processes every few milliseconds. Linux only. Not for timing: looking costs time. */
export async function peakOf({ argv: [file, ...args], cwd, env, exits = [0] }: Command): Promise<Peak> {
  const child = spawn(file, args, { cwd, env, stdio: 'ignore' })
  let tree = 0
  let process = 0
  const look = setInterval(() => {
    const pids = child.pid === undefined ? [] : family(child.pid)
    tree = Math.max(tree, pids.reduce((sum, pid) => sum + kilobytes(`/proc/${pid}/smaps_rollup`, 'Pss'), 0))
    process = Math.max(process, ...pids.map((pid) => kilobytes(`/proc/${pid}/status`, 'VmHWM')))
  }, EVERY_MS)
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve))
  clearInterval(look)
  if (code === null || !exits.includes(code)) throw new Error(`${file} ${args.join(' ')} ended with ${code}`)
  return { tree: tree * 1024, process: process * 1024 }
}

/** A process and everything that it started and that still runs. */
function family(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(family)]
}

function childrenOf(pid: number): number[] {
  try {
    // A child belongs to the thread that started it.
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number))
  } catch {
    return []
  }
}

function kilobytes(path: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(path))?.[1] ?? 0)
}

/** The text of a file of /proc; empty when its process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
