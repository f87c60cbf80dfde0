import type { MigrationRef } from '../schemas/common.ts'
import type { LockBlock } from '../schemas/lock.ts'
import { downPathOf, MIGRATION_DIALECTS, migrationChecksum, migrationFile, migrationHead, type MigrationFile, type MigrationKind } from '../schemas/migrations.ts'
import type { Report } from './findings.ts'
import { type Package, PackageView } from './package-view.ts'

/**
 * The migrations of a package in the order of its manifest, as the lock keeps them (schemas/migrations.ts says where
 * they lie). A migration whose file is missing is left out: `validate` has an error for it.
 */
export function migrationsOf(pkg: Package): LockBlock['migrations'] {
  return readMigrations(new PackageView(pkg)).refs.slice()
}

/** The same with everything that is wrong about them. */
export function readMigrations(pkg: PackageView): { readonly refs: readonly MigrationRef[]; readonly reports: readonly Report[] } {
  const files = sqlFiles(pkg)
  const wanted = pkg.manifest.migrations ?? []
  const reports: Report[] = pkg.files.flatMap(({ path }) => strayReport(path, wanted, pkg))
  const refs = wanted.flatMap((id) => {
    const { ref, problems } = migration(id, files.get(id) ?? [], pkg)
    reports.push(...problems)
    return ref ? [ref] : []
  })
  return { refs, reports }
}

function sqlFiles(pkg: PackageView): ReadonlyMap<string, readonly MigrationFile[]> {
  return Map.groupBy(pkg.files.flatMap(({ path }) => migrationFile(path) ?? []), ({ id }) => id)
}

function strayReport(path: string, wanted: readonly string[], pkg: PackageView): readonly Report[] {
  if (!path.startsWith('migrations/')) return []
  const file = migrationFile(path)
  if (file && wanted.includes(file.id)) return []
  return [{ place: pkg.place(path), message: file ? `${path} is not among the migrations of manifest.json` : `${path} is no migration: migrations/<id>.sql, or in migrations/sqlite/ and migrations/postgres/` }]
}

function migration(id: string, files: readonly MigrationFile[], pkg: PackageView): { ref?: MigrationRef; problems: readonly Report[] } {
  const ups = files.filter((file) => !file.down)
  const missing = missingReports(id, ups, files, pkg)
  if (ups.length === 0) return { problems: missing }
  const heads = ups.map((file) => headOf(file, pkg))
  const kinds = new Set(heads.map((head) => head.kind))
  const problems = [...missing, ...heads.flatMap((head) => head.problems)]
  if (kinds.size > 1) problems.push({ place: pkg.place(ups[0]?.path ?? ''), message: `migration ${id} is ${[...kinds].join(' for one database and ')} for the other` })
  const kind = kinds.size === 1 ? (heads[0]?.kind ?? 'breaking') : 'breaking'
  const down = ups.every((up) => pkg.has(downPathOf(up.path)))
  return { ref: { id, checksum: checksumOf(ups, pkg), kind, down }, problems }
}

function missingReports(id: string, ups: readonly MigrationFile[], all: readonly MigrationFile[], pkg: PackageView): Report[] {
  const reports: Report[] = []
  const shared = ups.filter((file) => file.dialect === undefined)
  if (ups.length === 0) reports.push({ place: pkg.place('manifest.json'), message: `migration ${id} of manifest.json has no file migrations/${id}.sql` })
  if (shared.length > 0 && ups.length > 1) reports.push({ place: pkg.place(shared[0]?.path ?? ''), message: `migration ${id} has a file for both databases and one for ${ups.find((f) => f.dialect)?.dialect}` })
  for (const dialect of ups.length === 1 && shared.length === 0 ? MIGRATION_DIALECTS : []) {
    if (!ups.some((file) => file.dialect === dialect)) reports.push({ place: pkg.place(ups[0]?.path ?? ''), message: `migration ${id} has no file for ${dialect}: stores on it cannot install the plugin`, severity: 'warning' })
  }
  const downs = all.filter((file) => file.down)
  for (const { path } of downs) if (!ups.some((up) => downPathOf(up.path) === path)) reports.push({ place: pkg.place(path), message: `${path} undoes a migration that is not there` })
  if (downs.length > 0 && downs.length < ups.length) reports.push({ place: pkg.place(downs[0]?.path ?? ''), message: `migration ${id} can be undone on one database alone`, severity: 'warning' })
  return reports
}

function checksumOf(ups: readonly MigrationFile[], pkg: PackageView): MigrationRef['checksum'] {
  return migrationChecksum(ups.map(({ dialect, path }) => ({ dialect, bytes: pkg.bytes(path) })))
}

function headOf({ path }: MigrationFile, pkg: PackageView): { kind: MigrationKind; problems: readonly Report[] } {
  const text = pkg.text(path)
  if (text === undefined || !pkg.isUtf8(path)) return { kind: 'breaking', problems: [{ place: pkg.place(path), message: `${path} is not a text in UTF-8` }] }
  const { kind, unknown } = migrationHead(text)
  return { kind, problems: unknown ? [{ place: pkg.place(path, unknown.offset), message: `"${unknown.word.slice(0, 40)}" is not expand, contract or breaking` }] : [] }
}
