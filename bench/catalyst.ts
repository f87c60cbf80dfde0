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

/** A store on a machine, and its commands as they are started. */
export class Store {
  readonly dir: string
  readonly #env: Readonly<Record<string, string>>

  constructor(ground: Ground, world: Loopback, machine: Machine, plugins: readonly OfferedPlugin[]) {
    this.dir = ground.folder('store')
    this.#env = {
      PATH: process.env.PATH ?? '',
      HOME: machine.state,
      CATALYST_CACHE_DIR: machine.cache,
      XDG_STATE_HOME: machine.state,
      CATALYST_GITHUB_API_URL: world.githubApiUrl,
      CATALYST_GITHUB_URL: world.githubUrl,
    }
    write(this.dir, { 'trusted-root.json': world.trustedRoot, 'plugins.yaml': wish(world, plugins) })
  }

  command(...args: readonly string[]): Command {
    return { argv: [process.execPath, LAUNCHER, ...args], cwd: this.dir, env: this.#env }
  }

  /** The two commands that bring everything from plugins.yaml to a live generation. */
  install(): readonly Command[] {
    return [this.command('lock'), this.command('apply')]
  }

  /** Asks for other plugins from now on. */
  want(world: Loopback, plugins: readonly OfferedPlugin[]): void {
    write(this.dir, { 'plugins.yaml': wish(world, plugins) })
  }
}

function wish(world: Loopback, plugins: readonly OfferedPlugin[]): string {
  return `apiVersion: catalyst.dev/v1
kind: PluginSet
store: { id: bench }
registries:
  - { name: official, url: "${world.indexUrl}", sigstore: ./trusted-root.json }
policy: { minimumReleaseAge: 0s, maxRemovals: 100% }
plugins:
${plugins.map(({ id }) => `  ${id}: { version: ^1.0.0 }\n`).join('')}`
}

/** Node by itself: what every start of ours costs at least. */
export function bareNode(dir: string): Command {
  return { argv: [process.execPath, '-e', '0'], cwd: dir, env: { PATH: process.env.PATH ?? '', HOME: dir } }
}
