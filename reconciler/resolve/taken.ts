import { hasVersion } from './bits.ts'
import type { Version, World, WorldPlugin } from './world.ts'

/** An answer to look at: what is taken, and who of it speaks about whom. */
export class Taken {
  readonly world: World
  readonly versions: readonly number[]
  readonly #dependents = new Map<string, WorldPlugin[]>()
  readonly #opponents = new Map<string, WorldPlugin[]>()

  constructor(world: World, versions: readonly number[]) {
    this.world = world
    this.versions = versions
    for (const plugin of world.plugins) {
      const candidate = this.version(plugin)?.candidate
      for (const id of Object.keys(candidate?.dependencies ?? {})) add(this.#dependents, id, plugin)
      for (const id of Object.keys(candidate?.conflicts ?? {})) add(this.#opponents, id, plugin)
    }
  }

  version(plugin: WorldPlugin): Version | undefined {
    return plugin.versions[this.versions[plugin.number]!]
  }

  /** The taken plugins that depend on an id, in the order of the world; a plugin is not its own dependent. */
  dependents(id: string): readonly WorldPlugin[] {
    return (this.#dependents.get(id) ?? []).filter((plugin) => plugin.id !== id)
  }

  /** The taken plugins that conflict with some version of an id. */
  opponents(id: string): readonly WorldPlugin[] {
    return (this.#opponents.get(id) ?? []).filter((plugin) => plugin.id !== id)
  }

  /** True when a version satisfies what another plugin says of its plugin. */
  fits(plugin: WorldPlugin, version: Version, range: string, loosely = false): boolean {
    return hasVersion(this.world.matching(plugin, range, loosely), plugin.versions.indexOf(version))
  }
}

function add(map: Map<string, WorldPlugin[]>, id: string, plugin: WorldPlugin): void {
  const list = map.get(id)
  if (list) list.push(plugin)
  else map.set(id, [plugin])
}
