import { nearestPlace, type Path, type SourceDocument } from './document.ts'
import type { ErrorCode, Problem } from './errors.ts'
import type { Manifest } from './manifest.ts'

/** What a manifest that obeys its schema can still say wrongly. */
export function manifestProblems(manifest: Manifest, document: SourceDocument): readonly Problem[] {
  const say = (code: ErrorCode, path: Path, message: string): Problem => ({ code, message, place: nearestPlace(document, path) })
  const problems: Problem[] = []
  const { id, dependencies = {}, conflicts = {}, migrations = [], tables = [], pricing } = manifest
  for (const [field, ids] of [['dependencies', dependencies], ['conflicts', conflicts]] as const) {
    if (Object.hasOwn(ids, id)) problems.push(say('CONTRADICTION', [field, id], `${id} stands under its own ${field}`))
  }
  for (const other of Object.keys(dependencies)) {
    if (conflicts[other] === dependencies[other]) problems.push(say('CONTRADICTION', ['conflicts', other], `${id} needs ${other} ${dependencies[other]} and conflicts with it`))
  }
  if (tables.length > 0 && migrations.length === 0) problems.push(say('CONTRADICTION', ['tables'], `${id} names tables and no migration that makes them`))
  for (const [i, migration] of migrations.entries()) {
    const before = migrations[i - 1]
    if (before !== undefined && migration.slice(0, 4) <= before.slice(0, 4)) {
      problems.push(say('INVALID_VALUE', ['migrations', i], `migration ${migration} does not come after ${before}: numbers must rise`))
    }
  }
  if (pricing && pricing.model !== 'free' && (pricing.amount === undefined || pricing.currency === undefined)) {
    problems.push(say('MISSING_KEY', ['pricing'], `pricing ${pricing.model} has no amount and currency`))
  }
  const kind = manifest.config?.['type']
  if (kind !== undefined && kind !== 'object') problems.push(say('SCHEMA_UNSUPPORTED', ['config', 'type'], 'config is a mapping: the type of its schema can only be object'))
  return [...problems, ...permissionProblems(manifest, say)]
}

function permissionProblems(manifest: Manifest, say: (code: ErrorCode, path: Path, message: string) => Problem): readonly Problem[] {
  const { api = [], filesystem = {} } = manifest.permissions ?? {}
  const hosts = api.flatMap((host, i) => {
    const port = /:(\d+)$/.exec(host)?.[1]
    if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return [say('INVALID_VALUE', ['permissions', 'api', i], `${host} has no port that exists`)]
    if (/^\*\.[^.]+(:\d+)?$/.test(host)) return [say('INVALID_VALUE', ['permissions', 'api', i], `${host} would allow a whole top-level domain`)]
    return []
  })
  const paths = Object.keys(filesystem).flatMap((path) =>
    path.split('/').includes('.') || path.includes('//') ? [say('INVALID_VALUE', ['permissions', 'filesystem', path], `${path} is not a plain relative path`)] : [],
  )
  return [...hosts, ...paths]
}
