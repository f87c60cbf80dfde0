import { lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from './disk.ts'
import type { StorePaths } from './paths.ts'
import { namesIn } from './trees.ts'

/** A host whose process cannot be seen from here (another container) counts for so long after its last sign of life. */
const UNSEEN_HOST_MS = 24 * 60 * 60 * 1000

/** The config of one plugin, in the form of plugins.yaml: references, no values. */
export type HostedConfig = Readonly<Record<string, unknown>>

/** What a host says of itself. `configs`: what it gave to the plugins that it runs, by id. */
export interface HostSign {
  readonly generation: number
  readonly configs: Readonly<Record<string, HostedConfig>>
}

/**
 * Tells that this process runs the code of a generation, so that nobody collects it, and with which configs, so that drift is
 * seen. Call again after a reload, and at least once a day. The function returned takes the sign away.
 */
export function enterHost(paths: StorePaths, sign: HostSign): () => void {
  mkdirSync(paths.hosts, { recursive: true })
  const file = join(paths.hosts, String(process.pid))
  replaceFile(file, JSON.stringify(sign))
  return () => rmSync(file, { force: true })
}

/** The generations that running hosts use. In doubt a host runs. */
export function hostedGenerations(paths: StorePaths, now: string): ReadonlySet<number> {
  return new Set(signs(paths, now).map(({ generation }) => generation))
}

/** The configs that running hosts gave to plugins, by plugin; one that several hosts run has several. */
export function hostedConfigs(paths: StorePaths, now: string): ReadonlyMap<string, readonly HostedConfig[]> {
  const all = signs(paths, now).flatMap(({ configs }) => Object.entries(configs))
  const byPlugin = Map.groupBy(all, ([id]) => id)
  return new Map([...byPlugin].map(([id, list]) => [id, list.map(([, config]) => config)]))
}

function signs(paths: StorePaths, now: string): readonly HostSign[] {
  const files = namesIn(paths.hosts).filter((name) => /^\d+$/.test(name)).filter((pid) => isAlive(Number(pid)) || seenLately(join(paths.hosts, pid), now))
  return files.map((pid) => read(join(paths.hosts, pid)))
}

/** What is no sign of ours tells nothing: NaN is no generation. Signs are replaced whole. */
function read(file: string): HostSign {
  try {
    const { generation, configs } = JSON.parse(readFileSync(file, 'utf8')) as Partial<HostSign>
    return { generation: Number(generation), configs: configs ?? {} }
  } catch {
    return { generation: NaN, configs: {} }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function seenLately(file: string, now: string): boolean {
  const sign = lstatSync(file, { throwIfNoEntry: false })
  return sign !== undefined && Date.parse(now) - sign.mtimeMs < UNSEEN_HOST_MS
}
