import { openRemembered } from '../registry/remembered.ts'
import type { Probe, ProbedPlugin } from '../reconciler/ports.ts'
import { digestOf, type Digest } from '../schemas/digest.ts'

const MAX_BYTES = 1024

/**
 * Asks again only what this user's machine has not answered before. A probe sees the tree, what the plugin promises to be,
 * this version of Node and our own code, and nothing of the store, so that it is kept by these; only "it started" is kept.
 * `code` names our own code by its content; without it nothing is remembered. See `Remembered` for the folder.
 */
export function rememberingProbe(probe: Probe, folder: string, code: string | undefined): Probe {
  if (code === undefined) return probe
  const memory = openRemembered(folder, { maxBytes: MAX_BYTES })
  const hasStarted = (plugin: ProbedPlugin): boolean => isStarted(memory.recall(questionOf(plugin, code)))
  return {
    async run(plugin, options) {
      if (hasStarted(plugin)) return
      await probe.run(plugin, options)
      memory.remember(questionOf(plugin, code), { started: true })
    },
    expect: (plugins) => probe.expect?.(plugins.filter((plugin) => !hasStarted(plugin))) ?? { end: () => undefined },
  }
}

function questionOf({ id, version, tree, main, type }: ProbedPlugin, code: string): Digest {
  return digestOf({ code, node: process.version, platform: `${process.platform} ${process.arch}`, id, version, tree, main, type })
}

function isStarted(value: unknown): boolean {
  return (value as { readonly started?: unknown } | null | undefined)?.started === true
}
