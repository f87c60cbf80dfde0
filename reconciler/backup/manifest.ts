import * as Type from 'typebox'
import { Closed, Id, Instant, Sha256, Version } from '../../schemas/common.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { parseJson } from '../../schemas/json.ts'
import { validated } from '../../schemas/validate.ts'
import type { InstallRecord } from '../ports.ts'

/** The version of the backup format that we write (docs/backup-format.md). A newer one is refused. */
export const FORMAT_VERSION = 1

/** The file that names all others. Its own digest is kept in the store's database. */
export const MANIFEST = 'manifest.json'

/** Texts of hundreds of migrations and the schema of thousands of tables fit. */
const MAX_BYTES = 64_000_000

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** A part file. Its name has no folder: nothing in a manifest can point out of the backup. */
const partFields = {
  file: Type.String({ pattern: '^(data\\.tar|tables-[0-9]{4,6}\\.rows)\\.zst$' }),
  size: Count,
  sha256: Sha256,
  bytes: Count,
}

const Applied = Closed({
  plugin: Id,
  id: Type.String({ minLength: 1, maxLength: 80 }),
  kind: Type.Enum(['expand', 'contract', 'breaking']),
  checksum: Sha256,
  up: Type.String(),
  down: Type.Optional(Type.String()),
  appliedAt: Type.String({ maxLength: 40 }),
  sequence: Type.Integer({ minimum: 1 }),
})

export const BackupManifest = Closed({
  formatVersion: Type.Literal(FORMAT_VERSION),
  name: Type.String({ maxLength: 100 }),
  store: Type.String({ maxLength: 200 }),
  dialect: Type.Enum(['sqlite', 'postgres']),
  /** Name and version of the database, for people. */
  engine: Type.String({ maxLength: 200 }),
  plugin: Id,
  version: Version,
  at: Instant,
  reason: Type.String({ maxLength: 1000 }),
  /** The code by reference: the install record with its lock block, which names artifact and tree by digest. */
  record: Type.Unsafe<InstallRecord>({ type: 'object' }),
  /** As written in plugins.yaml: references, never values. */
  config: Type.Unsafe<Readonly<Record<string, unknown>>>({ type: 'object' }),
  migrations: Type.Array(Applied),
  schema: Type.Unsafe<object>({ type: 'object' }),
  tables: Type.Array(Closed({ table: Type.String({ minLength: 1, maxLength: 1000 }), encoding: Type.String({ maxLength: 20 }), rows: Count, ...partFields })),
  /** Absent when the plugin had no data folder. */
  data: Type.Optional(Closed({ files: Count, folders: Count, ...partFields })),
})
export type BackupManifest = Type.Static<typeof BackupManifest>

/**
 * Reads a manifest.
 * @throws CatalystError BACKUP_NEWER for a format that a newer version wrote, BACKUP_DAMAGED for everything else that is none
 */
export function parseManifest(bytes: Uint8Array, name: string): BackupManifest {
  try {
    const document = parseJson(bytes, MANIFEST, { maxBytes: MAX_BYTES })
    const version = (document.value as { formatVersion?: unknown } | null)?.formatVersion
    if (Number.isInteger(version) && Number(version) > FORMAT_VERSION) throw newer(name, Number(version))
    return validated(BackupManifest, document)
  } catch (cause) {
    if (cause instanceof CatalystError && cause.code === 'BACKUP_NEWER') throw cause
    throw new CatalystError('BACKUP_DAMAGED', `The ${MANIFEST} of the backup ${name} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

function newer(name: string, version: number): CatalystError {
  return new CatalystError('BACKUP_NEWER', `The backup ${name} has format ${version}, this program knows format ${FORMAT_VERSION}`)
}
