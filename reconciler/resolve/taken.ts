import { hasVersion } from './bits.ts'
import type { RangeReading } from './ranges.ts'
import type { Statement } from './statements.ts'
import type { World } from './world.ts'
import type { Version, WorldPlugin } from './world-plugin.ts'

/** An answer to look at: what is taken, and who of it speaks about whom. */
export class Taken {
  readonly world: World
  readonly versions: readonly number[]
  readonly #dependents: readonly WorldPlugin[][]
  readonly #opponents: readonly WorldPlugin[][]

  constructor(world: World, versions: readonly number[]) {
    this.world = world
    this.versions = versions
    this.#dependents = versions.map(() => [])
    this.#opponents = versions.map(() => [])
    for (const plugin of world.plugins) {
      for (const { kind, target } of this.said(plugin)) {
        if (target < 0 || target === plugin.number) continue
        const speakers = kind === 'needs' ? this.#dependents : this.#opponents
        speakers[target]!.push(plugin)
      }
    }
  }

  version(plugin: WorldPlugin): Version | undefined {
    return plugin.versions[this.versions[plugin.number]!]
  }

  /** What the taken version of a plugin says of others. */
  said(plugin: WorldPlugin): readonly Statement[] {
    const version = this.versions[plugin.number]!
    return version < 0 ? [] : this.world.saidBy(plugin.number, version)
  }

  /** The taken plugins that depend on another one, in the order of the world; a plugin is not its own dependent. */
  dependents(plugin: WorldPlugin): readonly WorldPlugin[] {
    return this.#dependents[plugin.number]!
  }

  /** The taken plugins that conflict with some version of another one. */
  opponents(plugin: WorldPlugin): readonly WorldPlugin[] {
    return this.#opponents[plugin.number]!
  }

  /** True when a version (by its number) satisfies what another plugin says of its plugin. */
  fits(plugin: WorldPlugin, version: number, range: RangeReading, loosely = false): boolean {
    return hasVersion(this.world.inRange(plugin, range, loosely), version)
  }
}
