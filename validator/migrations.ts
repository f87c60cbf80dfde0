import type { MigrationRef } from '../schemas/common.ts'
import { byCodeUnit, digestOf, sha256 } from '../schemas/digest.ts'
import type { LockBlock } from '../schemas/lock.ts'
import type { Report } from './findings.ts'
import { type Package, PackageView } from './package-view.ts'

/*
 * `migrations/<id>.sql` for both databases, or `migrations/sqlite/<id>.sql` and `migrations/postgres/<id>.sql`; beside
 * it `<id>.down.sql` where a migration can be undone. A first comment says what it does to code that is live:
 * `-- catalyst: expand | contract | breaking` (absent: breaking).
 */

const DIALECTS = ['sqlite', 'postgres'] as const
const FILE = /^migrations\/(?:(sqlite|postgres)\/)?([^/]+?)(\.down)?\.sql$/
const KINDS = ['expand', 'contract', 'breaking'] as const
type Kind = (typeof KINDS)[number]

/**
 * The migrations of a package in the order of its manifest, as the lock keeps them. The checksum is the sha256 of the
 * file's bytes; of the RFC 8785 JSON {dialect: sha256} where each database has its own file. A migration whose file is
 * missing is left out: `validate` has an error for it.
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

interface SqlFile {
  readonly path: string
  readonly dialect: 'sqlite' | 'postgres' | undefined
  readonly down: boolean
}

function sqlFiles(pkg: PackageView): ReadonlyMap<string, readonly SqlFile[]> {
  return Map.groupBy(pkg.files.flatMap(({ path }) => sqlFile(path)), ({ id }) => id)
}

function sqlFile(path: string): readonly (SqlFile & { readonly id: string })[] {
  const match = FILE.exec(path)
  return match ? [{ path, dialect: match[1] as SqlFile['dialect'], id: match[2] ?? '', down: match[3] !== undefined }] : []
}

function strayReport(path: string, wanted: readonly string[], pkg: PackageView): readonly Report[] {
  if (!path.startsWith('migrations/')) return []
  const [file] = sqlFile(path)
  if (file && wanted.includes(file.id)) return []
  return [{ place: pkg.place(path), message: file ? `${path} is not among the migrations of manifest.json` : `${path} is no migration: migrations/<id>.sql, or in migrations/sqlite/ and migrations/postgres/` }]
}

function migration(id: string, files: readonly SqlFile[], pkg: PackageView): { ref?: MigrationRef; problems: readonly Report[] } {
  const ups = files.filter((file) => !file.down)
  const missing = missingReports(id, ups, files, pkg)
  if (ups.length === 0) return { problems: missing }
  const heads = ups.map((file) => headOf(file, pkg))
  const kinds = new Set(heads.map((head) => head.kind))
  const problems = [...missing, ...heads.flatMap((head) => head.problems)]
  if (kinds.size > 1) problems.push({ place: pkg.place(ups[0]?.path ?? ''), message: `migration ${id} is ${[...kinds].join(' for one database and ')} for the other` })
  const kind = kinds.size === 1 ? (heads[0]?.kind ?? 'breaking') : 'breaking'
  const down = ups.every((up) => pkg.has(downPath(up.path)))
  return { ref: { id, checksum: checksumOf(ups, pkg), kind, down }, problems }
}

function missingReports(id: string, ups: readonly SqlFile[], all: readonly SqlFile[], pkg: PackageView): Report[] {
  const reports: Report[] = []
  const shared = ups.filter((file) => file.dialect === undefined)
  if (ups.length === 0) reports.push({ place: pkg.place('manifest.json'), message: `migration ${id} of manifest.json has no file migrations/${id}.sql` })
  if (shared.length > 0 && ups.length > 1) reports.push({ place: pkg.place(shared[0]?.path ?? ''), message: `migration ${id} has a file for both databases and one for ${ups.find((f) => f.dialect)?.dialect}` })
  for (const dialect of ups.length === 1 && shared.length === 0 ? DIALECTS : []) {
    if (!ups.some((file) => file.dialect === dialect)) reports.push({ place: pkg.place(ups[0]?.path ?? ''), message: `migration ${id} has no file for ${dialect}: stores on it cannot install the plugin`, severity: 'warning' })
  }
  const downs = all.filter((file) => file.down)
  for (const { path } of downs) if (!ups.some((up) => downPath(up.path) === path)) reports.push({ place: pkg.place(path), message: `${path} undoes a migration that is not there` })
  if (downs.length > 0 && downs.length < ups.length) reports.push({ place: pkg.place(downs[0]?.path ?? ''), message: `migration ${id} can be undone on one database alone`, severity: 'warning' })
  return reports
}

function downPath(up: string): string {
  return up.replace(/\.sql$/, '.down.sql')
}

function checksumOf(ups: readonly SqlFile[], pkg: PackageView): MigrationRef['checksum'] {
  const [only] = ups
  if (ups.length === 1 && only && only.dialect === undefined) return sha256(pkg.bytes(only.path))
  const byDialect = ups.map(({ dialect = 'both', path }) => [dialect, sha256(pkg.bytes(path))] as const)
  return digestOf(Object.fromEntries(byDialect.toSorted(([a], [b]) => byCodeUnit(a, b))))
}

/** Reads the leading comment lines. What is not understood is the worst: breaking. */
function headOf({ path }: SqlFile, pkg: PackageView): { kind: Kind; problems: readonly Report[] } {
  const text = pkg.text(path)
  if (text === undefined || !pkg.isUtf8(path)) return { kind: 'breaking', problems: [{ place: pkg.place(path), message: `${path} is not a text in UTF-8` }] }
  for (const line of text.split('\n')) {
    if (!/^\s*(--.*)?$/.test(line)) break
    const word = /^\s*--\s*catalyst:\s*(\S*)\s*$/.exec(line)?.[1]
    if (word === undefined) continue
    const kind = KINDS.find((k) => k === word)
    return { kind: kind ?? 'breaking', problems: kind ? [] : [{ place: pkg.place(path, text.indexOf(line)), message: `"${word.slice(0, 40)}" is not expand, contract or breaking` }] }
  }
  return { kind: 'breaking', problems: [] }
}
