import type { BackupRef, PluginData } from '../../reconciler/data-ports.ts'
import { digestOf } from '../../schemas/digest.ts'

/** What outlives code of a store whose plugins have no tables and no data folders: kept in memory, for tests that are about something else. */
export function memoryData(): PluginData {
  const backups: BackupRef[] = []
  return {
    tables: {
      dialect: 'sqlite',
      applied: async () => [],
      inventory: async (plugins) => new Map(plugins.map((plugin) => [plugin, { plugin, tables: [], others: [], quarantined: false }])),
      migrate: () => Promise.reject(new Error('these plugins have no migrations')),
      revert: () => Promise.reject(new Error('these plugins have no migrations')),
      uses: async (plugins) => new Map(plugins.map((plugin) => [plugin, []])),
      quarantine: async () => undefined,
      restoreFromQuarantine: async () => undefined,
      drop: async (plugin) => ({ plugin, tables: [], others: [], quarantined: false }),
      rename: async () => undefined,
      digest: async (plugin) => digestOf(plugin),
      definitions: async () => new Map(),
      close: async () => undefined,
    },
    backups: {
      async write({ record, store, reason, at }) {
        const ref: BackupRef = { name: `${record.id}-${backups.length}`, plugin: record.id, version: record.block.version, store, dialect: 'sqlite', at, reason, rows: 0, bytes: 0, digest: digestOf([record.id, at]) }
        backups.push(ref)
        return ref
      },
      list: async (plugin) => backups.filter((ref) => plugin === undefined || ref.plugin === plugin).toReversed(),
      verify: async (name) => backups.find((ref) => ref.name === name) ?? Promise.reject(new Error(`there is no backup ${name}`)),
      restore: async () => ({ tables: 0, rows: 0, files: 0 }),
      settle: async () => [],
      prune: async () => [],
    },
    folders: { size: async () => undefined, quarantine: async () => undefined, restore: async () => undefined, purge: async () => undefined, rename: async () => undefined },
  }
}
