import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ground, write } from './ground.ts'
import type { Loopback, OfferedPlugin } from './loopback.ts'
import type { Command } from './measure.ts'

const MODULES = join(import.meta.dirname, 'node_modules')
export const PEERS = ['npm', 'pnpm'] as const
export type Peer = (typeof PEERS)[number]

/** Installs the peers that bench/package-lock.json names, once. */
export function installPeers(): void {
  if (PEERS.every((peer) => existsSync(join(MODULES, peer)))) return
  const { status } = spawnSync('npm', ['--prefix', import.meta.dirname, 'install', '--no-save', '--no-audit', '--no-fund'], { stdio: 'inherit' })
  if (status !== 0) throw new Error('the peers could not be installed: npm --prefix bench install')
}

export function peerVersion(peer: Peer): string {
  return (JSON.parse(readFileSync(join(MODULES, peer, 'package.json'), 'utf8')) as { version: string }).version
}

/** A project that depends on the same packages, with a cache of its own that starts empty. */
export class Project {
  readonly dir: string
  readonly #home: string
  readonly #peer: Peer
  readonly #registry: string

  constructor(ground: Ground, world: Loopback, peer: Peer, plugins: readonly OfferedPlugin[]) {
    this.dir = ground.folder(`${peer}-project`)
    this.#home = ground.folder(`${peer}-home`)
    this.#peer = peer
    this.#registry = world.npmUrl
    const dependencies = Object.fromEntries(plugins.map(({ npmName }) => [npmName, '^1.0.0']))
    write(this.dir, { 'package.json': JSON.stringify({ name: 'bench', version: '1.0.0', private: true, dependencies }) })
  }

  get folders(): readonly string[] {
    return [this.dir, this.#home]
  }

  /** Installs without scripts and without anything that asks for more than the packages. */
  install(): Command {
    const env = { PATH: process.env.PATH ?? '', HOME: this.#home, npm_config_update_notifier: 'false' }
    return { argv: this.#peer === 'npm' ? this.#npm() : this.#pnpm(), cwd: this.dir, env }
  }

  #npm(): Command['argv'] {
    return [process.execPath, join(MODULES, 'npm/bin/npm-cli.js'), 'install', '--ignore-scripts', '--no-audit', '--no-fund', `--registry=${this.#registry}`, `--cache=${this.#home}/cache`]
  }

  #pnpm(): Command['argv'] {
    return [join(MODULES, '.bin/pnpm'), 'install', '--ignore-scripts', '--registry', this.#registry, '--store-dir', `${this.#home}/store`, '--config.cache-dir', `${this.#home}/cache`]
  }
}

/** What no installer can do without: fetch, hash, unpack, two at a time. It resolves nothing and proves nothing. */
export function shellFloor(dir: string, plugins: readonly OfferedPlugin[]): Command {
  write(dir, { list: plugins.map(({ id, url, sha256 }) => `${id} ${url} ${sha256.slice('sha256:'.length)}\n`).join('') })
  const one = 'curl -sfLo "$0.tgz" "$1" && echo "$2  $0.tgz" | sha256sum --quiet -c && mkdir "$0" && tar -xzf "$0.tgz" -C "$0"'
  return { argv: ['/bin/sh', '-c', `xargs -P2 -n3 sh -c '${one}' < list`], cwd: dir, env: { PATH: process.env.PATH ?? '' } }
}
