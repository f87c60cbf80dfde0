import { join } from 'node:path'
import type { Loopback, OfferedPlugin } from './loopback.ts'
import { type Ground, write } from './ground.ts'
import type { Command } from './measure.ts'

const LAUNCHER = join(import.meta.dirname, '..', 'bin', 'catalyst.cjs')

/** What a machine keeps between stores: the artifact cache and the verdicts of its user. */
export interface Machine {
  readonly cache: string
  readonly state: string
}

/** A machine that has never seen a plugin. */
export function newMachine(ground: Ground): Machine {
  return { cache: ground.folder('cache'), state: ground.folder('state') }
}

/** What a store asks besides plugins of any 1.x version, in the SQLite file that is the default. */
export interface OddWish {
  readonly database?: string
  /** By plugin. */
  readonly configs?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** A store on a machine, and its commands as they are started. */
export class Store {
  readonly dir: string
  readonly #env: Readonly<Record<string, string>>

  constructor(ground: Ground, world: Loopback, machine: Machine, plugins: readonly OfferedPlugin[], odd: OddWish = {}) {
    this.dir = ground.folder('store')
    this.#env = {
      PATH: process.env.PATH ?? '',
      HOME: machine.state,
      CATALYST_CACHE_DIR: machine.cache,
      XDG_STATE_HOME: machine.state,
      CATALYST_GITHUB_API_URL: world.githubApiUrl,
      CATALYST_GITHUB_URL: world.githubUrl,
    }
    write(this.dir, { 'trusted-root.json': world.trustedRoot, 'plugins.yaml': wish(world, plugins, odd) })
  }

  command(...args: readonly string[]): Command {
    return { argv: [process.execPath, LAUNCHER, ...args], cwd: this.dir, env: this.#env }
  }

  /** The two commands that bring everything from plugins.yaml to a live generation. */
  install(): readonly Command[] {
    return [this.command('lock'), this.command('apply')]
  }

  /** Asks for other plugins from now on. */
  want(world: Loopback, plugins: readonly OfferedPlugin[], odd: OddWish = {}): void {
    write(this.dir, { 'plugins.yaml': wish(world, plugins, odd) })
  }
}

function wish(world: Loopback, plugins: readonly OfferedPlugin[], { database, configs = {} }: OddWish): string {
  return `apiVersion: catalyst.dev/v1
kind: PluginSet
store: ${JSON.stringify({ id: 'bench', database })}
registries:
  - { name: official, url: "${world.indexUrl}", sigstore: ./trusted-root.json }
policy: { minimumReleaseAge: 0s, maxRemovals: 100% }
plugins: ${plugins.length === 0 ? '{}' : ''}
${plugins.map(({ id }) => `  ${id}: ${JSON.stringify({ version: '^1.0.0', config: configs[id] })}\n`).join('')}`
}

/** Node by itself: what every start of ours costs at least. */
export function bareNode(dir: string): Command {
  return { argv: [process.execPath, '-e', '0'], cwd: dir, env: { PATH: process.env.PATH ?? '', HOME: dir } }
}
