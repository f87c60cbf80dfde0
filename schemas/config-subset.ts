import type { Path } from './document.ts'
import { pathText } from './document.ts'
import { cleanProblem, type Place, type Problem } from './errors.ts'
import { LIMITS } from './limits.ts'

/*
 * The subset of JSON Schema 2020-12 in which a plugin describes its configuration. It comes from a stranger, so it holds
 * nothing that could cost more than its size: no patterns, no remote or circular references, no quadratic keywords.
 */

/** What a keyword's value must be; `schema` and its plurals are walked into. */
type Kind = 'schema' | 'schemas' | 'schemaMap' | 'text' | 'texts' | 'number' | 'positive' | 'count' | 'flag' | 'any' | 'list' | 'type' | 'ref' | 'schemaOrFlag' | 'textsMap'

const KEYWORDS: Readonly<Record<string, Kind>> = {
  $schema: 'text', $comment: 'text', $defs: 'schemaMap', definitions: 'schemaMap', $ref: 'ref',
  title: 'text', description: 'text', default: 'any', examples: 'list', deprecated: 'flag', readOnly: 'flag', writeOnly: 'flag',
  type: 'type', enum: 'list', const: 'any', format: 'text',
  properties: 'schemaMap', required: 'texts', additionalProperties: 'schemaOrFlag', propertyNames: 'schema', minProperties: 'count', maxProperties: 'count', dependentRequired: 'textsMap',
  items: 'schemaOrFlag', minItems: 'count', maxItems: 'count',
  minimum: 'number', maximum: 'number', exclusiveMinimum: 'number', exclusiveMaximum: 'number', multipleOf: 'positive',
  minLength: 'count', maxLength: 'count',
  allOf: 'schemas', anyOf: 'schemas', oneOf: 'schemas', not: 'schema', if: 'schema', then: 'schema', else: 'schema',
}

const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']

/** A schema once its `$ref`s are written out has at most this many subschemas: a reference bomb ends here. */
const MAX_SUBSCHEMAS = 5_000

type Schema = Readonly<Record<string, unknown>>
type PlaceOf = (path: Path) => Place | undefined

/** Everything in a plugin's config schema that is outside the subset; empty when it may be used. `placeOf` finds paths inside the schema. */
export function checkConfigSchema(schema: unknown, placeOf: PlaceOf = () => undefined): readonly Problem[] {
  const say = (path: Path, message: string): Problem => withPlace({ code: 'SCHEMA_UNSUPPORTED', message: `config schema${path.length > 0 ? ` ${pathText(path)}` : ''}: ${message}` }, placeOf(path))
  const size = Buffer.byteLength(JSON.stringify(schema) ?? '')
  if (size > LIMITS.configSchemaMaxBytes) return [say([], `has ${size} bytes; the limit is ${LIMITS.configSchemaMaxBytes}`)]
  const problems: Problem[] = []
  walk(schema, [], 0, (path, message) => problems.push(say(path, message)))
  if (problems.length === 0) {
    const cost = expandedSize(schema as Schema, schema as Schema, new Map())
    if (cost === 'circular') problems.push(say([], 'its $ref go round in a circle'))
    else if (cost > MAX_SUBSCHEMAS) problems.push(say([], `its $ref unfold into more than ${MAX_SUBSCHEMAS} subschemas`))
  }
  return problems.map(cleanProblem)
}

/** The schema a local `$ref` names, or undefined. Only `#/$defs/name` and `#/definitions/name` are local here. */
export function referenced(root: Schema, ref: string): Schema | undefined {
  const [, section = '', name = ''] = /^#\/(\$defs|definitions)\/([A-Za-z0-9_.-]+)$/.exec(ref) ?? []
  const definitions = root[section]
  return isObject(definitions) && Object.hasOwn(definitions, name) ? (definitions[name] as Schema) : undefined
}

/** The subschemas directly inside a schema, each with its path from it. */
export function subschemas(schema: Schema): readonly { readonly path: Path; readonly schema: unknown }[] {
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const kind = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined
    if (kind === 'schema' || (kind === 'schemaOrFlag' && typeof value !== 'boolean')) return [{ path: [keyword], schema: value }]
    if (kind === 'schemas' && Array.isArray(value)) return value.map((item, i) => ({ path: [keyword, i], schema: item as unknown }))
    if (kind === 'schemaMap' && isObject(value)) return Object.entries(value).map(([name, item]) => ({ path: [keyword, name], schema: item }))
    return []
  })
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function walk(schema: unknown, path: Path, depth: number, say: (path: Path, message: string) => void, root: unknown = schema): void {
  if (depth > LIMITS.configSchemaMaxDepth) return say(path, `is nested deeper than ${LIMITS.configSchemaMaxDepth} levels`)
  if (!isObject(schema)) return say(path, 'must be a schema, that is an object')
  for (const [keyword, value] of Object.entries(schema)) {
    const kind = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined
    if (kind === undefined) say([...path, keyword], `the keyword ${keyword} is not part of the subset`)
    else if (!fits(kind, value)) say([...path, keyword], `the value of ${keyword} is not one that JSON Schema allows`)
    else if (kind === 'ref' && referenced(root as Schema, value as string) === undefined) say([...path, keyword], `${String(value)} is not a definition of this schema`)
  }
  for (const sub of subschemas(schema)) walk(sub.schema, [...path, ...sub.path], depth + 1, say, root)
}

const FITS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  any: () => true,
  schema: isObject,
  schemas: (v) => Array.isArray(v) && v.length > 0,
  schemaMap: isObject,
  schemaOrFlag: (v) => typeof v === 'boolean' || isObject(v),
  text: (v) => typeof v === 'string',
  texts: isTexts,
  textsMap: (v) => isObject(v) && Object.values(v).every(isTexts),
  number: (v) => typeof v === 'number',
  positive: (v) => typeof v === 'number' && v > 0,
  count: (v) => Number.isSafeInteger(v) && (v as number) >= 0,
  flag: (v) => typeof v === 'boolean',
  list: (v) => Array.isArray(v) && v.length > 0,
  type: (v) => [v].flat().length > 0 && [v].flat().every((t) => TYPES.includes(t as string)),
  ref: (v) => typeof v === 'string',
}

function fits(kind: Kind, value: unknown): boolean {
  return FITS[kind](value)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') && new Set(value).size === value.length
}

/** How many subschemas there are when each `$ref` is replaced by what it names; each definition is counted once and remembered. */
function expandedSize(schema: Schema, root: Schema, known: Map<Schema, number | 'open'>): number | 'circular' {
  const before = known.get(schema)
  if (before !== undefined) return before === 'open' ? 'circular' : before
  known.set(schema, 'open')
  let size = 1
  const inside = subschemas(schema).filter(({ path }) => path[0] !== '$defs' && path[0] !== 'definitions')
  const named = typeof schema['$ref'] === 'string' ? [referenced(root, schema['$ref'])] : []
  for (const sub of [...inside.map((s) => s.schema as Schema), ...named]) {
    const more = sub ? expandedSize(sub, root, known) : 0
    if (more === 'circular') return 'circular'
    size = Math.min(size + more, MAX_SUBSCHEMAS + 1)
  }
  known.set(schema, size)
  return size
}

function withPlace(problem: Problem, place: Place | undefined): Problem {
  return place ? { ...problem, place } : problem
}
