import type { Path, SourceDocument } from './document.ts'
import type { Place, Problem } from './errors.ts'
import { throwProblems } from './errors.ts'
import { LIMITS } from './limits.ts'
import { readPlainYaml } from './plain-yaml.ts'
import { pluginSetProblems } from './plugin-set-problems.ts'
import { PluginSet } from './plugin-set.ts'
import { readText } from './source-text.ts'
import { sortProblems, validate } from './validate.ts'
import { parseYaml } from './yaml.ts'

/** plugins.yaml, proven to say one thing. */
export interface PluginSetFile {
  readonly set: PluginSet
  /** Where a key path stands, e.g. `['plugins', 'stripe-payments', 'version']`. */
  readonly placeOf: (path: Path, of?: 'key' | 'value') => Place | undefined
  /** What a person should look at and nothing needs. */
  readonly warnings: readonly Problem[]
}

/**
 * Reads plugins.yaml: YAML, then schema, then what no schema can say. Pure.
 * @throws CatalystError with every problem of the first of these steps that finds one
 */
export function readPluginSet(bytes: Uint8Array | string, file: string): PluginSetFile {
  const document = readQuickly(bytes, file) ?? parseYaml(bytes, file)
  throwProblems(validate(PluginSet, document))
  const set = document.value as PluginSet
  const problems = sortProblems(pluginSetProblems(set, document))
  throwProblems(problems)
  return { set, placeOf: (path, of) => document.placeOf(path, of), warnings: problems }
}

/** What is plainly YAML is read without the general parser. That one is asked when a place is asked for: when something is wrong, mostly. */
function readQuickly(bytes: Uint8Array | string, file: string): SourceDocument | undefined {
  const value = readPlainYaml(readText(bytes, file, LIMITS.yamlMaxBytes))
  if (value === undefined) return undefined
  let parsed: SourceDocument | undefined
  const full = (): SourceDocument => (parsed ??= parseYaml(bytes, file))
  return { file, value, placeOf: (path, of) => full().placeOf(path, of), sourceOf: (path) => full().sourceOf(path) }
}
