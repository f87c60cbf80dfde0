import type { ErrorObject } from './ajv.ts'
import type * as Type from 'typebox'
import { nearestPlace, type Path, pathOfPointer, pathText, type SourceDocument } from './document.ts'
import type { ErrorCode, Problem } from './errors.ts'
import { idProblem } from './names.ts'
import { nestingHint, suggestion } from './suggestions.ts'
import { isRange } from './versions.ts'

/* From ajv's words to ours: which of our codes an error is, what stands there, and what to write instead. */

/** What every mapping below works on. */
interface Finding {
  readonly error: ErrorObject
  readonly path: Path
  readonly where: string
  readonly document: SourceDocument
  readonly root: Type.TSchema
}

/** Our problems for ajv's errors: one per place, and one for each union instead of a list per branch. */
export function problemsOf(errors: readonly ErrorObject[], root: Type.TSchema, document: SourceDocument): Problem[] {
  const problems = new Map<string, Problem>()
  for (const error of withoutBranches(errors)) {
    const path = pathOfPointer(error.instancePath, document.value)
    const problem = problemOf({ error, path, where: path.length === 0 ? 'the file' : pathText(path), document, root })
    const key = `${error.instancePath} ${error.propertyName ?? error.params['additionalProperty'] ?? error.params['missingProperty'] ?? ''}`
    if (problem && !problems.has(key)) problems.set(key, problem)
  }
  return [...problems.values()]
}

// ---- unions --------------------------------------------------------------------------------------------------

/** Replaces what the branches of each union said by what the branch meant says, or by the union's own error. */
function withoutBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const union = errors.filter((e) => e.keyword === 'anyOf').toSorted((a, b) => a.schemaPath.length - b.schemaPath.length)[0]
  if (!union) return errors.filter((e) => e.keyword !== 'propertyNames')
  const inside = errors.filter((e) => e !== union && isInside(e, union))
  const outside = errors.filter((e) => e !== union && !inside.includes(e))
  return withoutBranches([...outside, ...(branchMeant(inside, union) ?? [{ ...union, keyword: 'union' }])])
}

function isInside(error: ErrorObject, union: ErrorObject): boolean {
  const below = error.instancePath === union.instancePath || error.instancePath.startsWith(`${union.instancePath}/`)
  return below && error.schemaPath.startsWith(`${union.schemaPath}/`)
}

/** The errors of the one branch whose type, and whose fixed words such as `kind: unsigned`, fit; undefined when none or several do. */
function branchMeant(inside: readonly ErrorObject[], union: ErrorObject): readonly ErrorObject[] | undefined {
  const branches = Map.groupBy(inside, (e) => e.schemaPath.slice(union.schemaPath.length + 1).split('/')[0])
  const fitting = [...branches.values()].filter((branch) => !branch.some((e) => e.keyword === 'const' || (e.keyword === 'type' && e.instancePath === union.instancePath)))
  return fitting.length === 1 ? fitting[0] : undefined
}

// ---- one error -----------------------------------------------------------------------------------------------

function problemOf(finding: Finding): Problem | undefined {
  if (finding.error.propertyName !== undefined) return keyProblem(finding)
  switch (finding.error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknownKey(finding)
    case 'required':
      return missingKey(finding)
    case 'type':
    case 'union':
      return wrongType(finding)
    case 'const':
      return otherConstant(finding)
    case 'enum':
      return notAllowed(finding)
    case 'format':
    case 'pattern':
    case 'minLength':
    case 'maxLength':
      return badText(finding)
    default:
      return at(finding, 'INVALID_VALUE', `${finding.where} ${finding.error.message ?? 'is not valid'}`)
  }
}

function at(finding: Finding, code: ErrorCode, message: string, hint?: string | undefined): Problem {
  const place = nearestPlace(finding.document, finding.path)
  return hint === undefined ? { code, message, place } : { code, message, place, hint }
}

function keyProblem(finding: Finding): Problem {
  const key = finding.error.propertyName ?? ''
  const place = nearestPlace(finding.document, [...finding.path, key], 'key')
  const problem = badText({ ...finding, error: { ...finding.error, data: key }, where: `key ${shown(key)} in ${finding.where}` })
  return { ...problem, place }
}

function unknownKey(finding: Finding): Problem {
  const key = String(finding.error.params['additionalProperty'] ?? finding.error.params['unevaluatedProperty'])
  const known = Object.keys((finding.error.parentSchema as { properties?: object } | undefined)?.properties ?? {})
  const similar = suggestion(key, known)
  const hint = similar ? `Did you mean ${similar}?` : (nestingHint(finding.root, finding.path, key) ?? (known.length > 0 ? `Known here: ${known.join(', ')}.` : undefined))
  const place = nearestPlace(finding.document, [...finding.path, key], 'key')
  const message = `unknown key ${shown(key)} in ${finding.where}`
  return hint === undefined ? { code: 'UNKNOWN_KEY', message, place } : { code: 'UNKNOWN_KEY', message, place, hint }
}

function missingKey(finding: Finding): Problem {
  const key = String(finding.error.params['missingProperty'])
  const place = nearestPlace(finding.document, finding.path, 'key')
  return { code: 'MISSING_KEY', message: `${finding.where} has no ${shown(key)}`, place }
}

const KINDS: Record<string, string> = {
  object: 'a mapping',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
  null: 'null',
}

function wrongType(finding: Finding): Problem {
  const { error, document, path, where } = finding
  const schema = error.parentSchema as { format?: string; title?: string } | undefined
  const source = document.sourceOf(path)
  if (typeof error.data === 'number' && schema?.format?.startsWith('semver')) {
    const hint = `Put the version in quotes: "${source}". YAML reads ${source} as the number ${error.data}.`
    return at(finding, 'UNQUOTED_VERSION', `${where} is the number ${source}, not a version`, hint)
  }
  const wanted = wantedKind(error)
  const hint = path.length > 0 ? typeHint(error, isPrivate(path) ? undefined : source) : error.data === null ? 'The file says nothing: bring back what git has of it, or write it anew.' : undefined
  const found = isPrivate(path) ? kindOf(error.data) : shown(error.data, source)
  const problem = at(finding, 'WRONG_TYPE', `${where} must be ${wanted}, is ${found}`, hint)
  const block = typeof error.data === 'object' && error.data !== null
  return block ? { ...problem, place: nearestPlace(document, path, 'key') } : problem
}

function wantedKind(error: ErrorObject): string {
  const branches = error.keyword === 'union' ? (error.schema as { type?: string; title?: string }[]) : [error.parentSchema as { type?: string; title?: string }]
  return [...new Set(branches.map((b) => KINDS[b.type ?? ''] ?? b.title ?? 'another value'))].join(' or ')
}

function typeHint(error: ErrorObject, source: string | undefined): string | undefined {
  const schema = error.parentSchema as { type?: string } | undefined
  if (schema?.type === 'boolean' && typeof error.data === 'string' && /^(yes|no|on|off)$/i.test(error.data)) return 'YAML 1.2 reads yes, no, on and off as text; write true or false.'
  if (schema?.type === 'string' && source && error.data !== null && typeof error.data !== 'object') return `Put the value in quotes: "${source}".`
  if (schema?.type === 'object' && error.data === null) return 'Write {} for an empty mapping, or remove the key.'
  if (schema?.type === 'array' && error.data === null) return 'Write [] for an empty list, or remove the key.'
  return undefined
}

const FORMAT_KEYS = new Set(['apiVersion', 'lockVersion', 'formatVersion', 'v'])

function otherConstant(finding: Finding): Problem {
  const { error, where, path } = finding
  const wanted = error.params['allowedValue'] as unknown
  const message = `${where} must be ${shown(wanted)}, is ${shown(error.data, finding.document.sourceOf(path))}`
  if (path.length === 1 && FORMAT_KEYS.has(String(path[0]))) return at(finding, 'UNSUPPORTED_FORMAT', message)
  return at(finding, 'INVALID_VALUE', message, `Write ${shown(wanted)}.`)
}

function notAllowed(finding: Finding): Problem {
  const { error, where } = finding
  const allowed = (error.params['allowedValues'] as readonly unknown[]).map(String)
  const similar = typeof error.data === 'string' ? suggestion(error.data, allowed) : undefined
  const hint = similar ? `Did you mean ${similar}?` : `Write one of ${allowed.join(', ')}.`
  return at(finding, 'INVALID_VALUE', `${where} is ${shown(error.data, finding.document.sourceOf(finding.path))}; allowed are ${allowed.join(', ')}`, hint)
}

function badText(finding: Finding): Problem {
  const { error, where } = finding
  const schema = error.parentSchema as { title?: string; format?: string; maxLength?: number } | undefined
  const text = String(error.data)
  if (schema?.title === 'plugin id') return at(finding, idProblem(text) ?? 'INVALID_ID', `${where}: ${shown(text)} cannot be the id of a plugin`)
  if (schema?.format === 'semver-range') return badRange(finding, text)
  if (error.keyword === 'maxLength') return at(finding, 'INVALID_VALUE', `${where} has ${text.length} characters; at most ${schema?.maxLength} are allowed`)
  const wanted = schema?.title ? `Write ${article(schema.title)}.` : undefined
  return at(finding, 'INVALID_VALUE', `${where} is ${shown(text)}, not ${article(schema?.title ?? 'a value that is allowed')}`, wanted)
}

function badRange(finding: Finding, text: string): Problem {
  if (text.length <= 256 && isRange(text)) return at(finding, 'EMPTY_RANGE', `${finding.where}: no version can satisfy ${shown(text)}`)
  return at(finding, 'INVALID_RANGE', `${finding.where}: ${shown(text)} is not a version range`)
}

function article(title: string): string {
  return /^(an?|the) /.test(title) ? title : `${/^[aeiou]/i.test(title) ? 'an' : 'a'} ${title}`
}

/**
 * True where a value may be a secret (law 8): in a plugin's config, in the address of the database, and for a file that is
 * no file of ours at all: whatever it is, it is not ours to show.
 */
function isPrivate(path: Path): boolean {
  return path.length === 0 || path.includes('config') || (path[0] === 'store' && path[1] === 'database')
}

function kindOf(value: unknown): string {
  return typeof value === 'string' ? 'text' : typeof value === 'number' ? 'a number' : typeof value === 'boolean' ? 'true or false' : shown(value)
}

/** A value as a message shows it: short, and never more of it than a line. */
function shown(value: unknown, source?: string): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value !== 'string') return source ?? String(value)
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}
