import { IndexLine } from './index-line.ts'
import { Lock } from './lock.ts'
import { Manifest } from './manifest.ts'
import { Plan } from './plan.ts'
import { PluginSet } from './plugin-set.ts'
import { RegistryEntry, RegistryFile } from './registry-entry.ts'

const SCHEMAS = {
  'plugins.schema.json': PluginSet,
  'lock.schema.json': Lock,
  'manifest.schema.json': Manifest,
  'registry-entry.schema.json': RegistryEntry,
  'registry.schema.json': RegistryFile,
  'index-line.schema.json': IndexLine,
  'plan.schema.json': Plan,
} as const

/** The JSON Schema 2020-12 files that editors use, by file name. The same text for the same types. */
export function schemaFiles(): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema }, undefined, 2)}\n`]))
}
