import { type ErrorObject, REFERENCE_KEYWORD, schemaErrors } from './ajv.ts'
import { isObject } from './config-subset.ts'
import { type Path, pathOfPointer, pathText } from './document.ts'
import { cleanProblem, type Place, type Problem } from './errors.ts'
import { suggestion } from './suggestions.ts'

export { checkConfigSchema } from './config-subset.ts'

/**
 * What a plugin's `config` breaks of its schema. A `${…}` reference satisfies any scalar: its value is known only when
 * applying. Messages never hold a value, for it could be a secret (law 8). The schema must have passed
 * `checkConfigSchema`. `placeOf` finds paths inside the config.
 */
export function checkConfig(schema: object, config: unknown, placeOf: (path: Path) => Place | undefined = () => undefined): readonly Problem[] {
  const lenient = prepared(schema)
  const errors = schemaErrors(lenient, config).filter((error) => !SUMMARIES.has(error.keyword))
  const problems = errors.map((error) => configProblem(error, config, placeOf))
  const seen = new Set<string>()
  return problems.filter(({ message }) => !seen.has(message) && seen.add(message)).map(cleanProblem)
}

/** Keywords that only say that something inside them failed. */
const SUMMARIES = new Set(['if', 'propertyNames', 'allOf', REFERENCE_KEYWORD])

const cache = new WeakMap<object, object>()

function prepared(schema: object): object {
  let lenient = cache.get(schema)
  if (!lenient) cache.set(schema, (lenient = acceptReferences(schema) as object))
  return lenient
}

function configProblem(error: ErrorObject, config: unknown, placeOf: (path: Path) => Place | undefined): Problem {
  const path = pathOfPointer(error.instancePath, config)
  const where = path.length > 0 ? `config ${pathText(path)}` : 'config'
  if (error.keyword === 'required') return missingKey(error, where, placeAt(path, placeOf))
  const extra = error.params['additionalProperty'] as string | undefined
  const place = placeAt(extra === undefined ? path : [...path, extra], placeOf)
  const hint = extra === undefined ? undefined : suggestion(extra, Object.keys((error.parentSchema as { properties?: object })?.properties ?? {}))
  const message = extra === undefined ? `${where} ${error.message ?? 'is not valid'}${allowedText(error)}` : `${where} has the unknown key ${JSON.stringify(extra)}`
  return { code: 'CONFIG_INVALID', message, ...(place && { place }), ...(hint !== undefined && { hint: `Did you mean ${hint}?` }) }
}

/** The place itself, or the nearest one above it that stands in the file. */
function placeAt(path: Path, placeOf: (path: Path) => Place | undefined): Place | undefined {
  return path.map((_, i) => placeOf(path.slice(0, path.length - i))).find((found) => found !== undefined) ?? placeOf([])
}

/** A key that is missing, with what the schema says of it and how a secret is written. */
function missingKey(error: ErrorObject, where: string, place: Place | undefined): Problem {
  const key = String(error.params['missingProperty'])
  const { properties = {} } = error.parentSchema as { properties?: Readonly<Record<string, unknown>> }
  const schema = Object.hasOwn(properties, key) ? properties[key] : undefined
  const { title, description, type } = asWritten(schema) as { title?: unknown; description?: unknown; type?: unknown }
  // The publisher's words: in quotes, on one line, so that nobody takes them for ours.
  const about = [title, description].flatMap((text) => (typeof text === 'string' ? [text.slice(0, 200)] : [])).join(': ')
  const secret = (type === undefined || type === 'string') && !about.includes('${') ? ` A secret is written as a reference: \${env:${variableName(key)}}.` : ''
  return { code: 'CONFIG_INVALID', message: `${where} has no ${JSON.stringify(key)}`, ...(place && { place }), hint: `Write ${JSON.stringify(key)} there${about === '' ? '' : `: ${JSON.stringify(about)}`}.${secret}` }
}

/** What the publisher wrote, without what `acceptReferences` put around it. */
function asWritten(schema: unknown): object {
  if (!isObject(schema)) return {}
  const { if: condition, else: inner } = schema
  return isObject(condition) && REFERENCE_KEYWORD in condition && isObject(inner) ? inner : schema
}

/** `apiKey` -> `API_KEY`. */
function variableName(key: string): string {
  return /^[A-Za-z][A-Za-z0-9_]{0,40}$/.test(key) ? key.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase() : 'NAME'
}

function allowedText(error: ErrorObject): string {
  const allowed = error.params['allowedValues'] as readonly unknown[] | undefined
  return allowed ? `: ${allowed.map((value) => JSON.stringify(value)).join(', ')}` : ''
}

/**
 * Rewrites a schema so that each subschema that could hold a scalar also takes a reference. Under `not` and `if` a
 * reference is the text it is; `oneOf` becomes `anyOf`, because a reference could fit several branches.
 */
function acceptReferences(schema: unknown): unknown {
  if (!isObject(schema)) return schema
  const { $defs, definitions, $schema: _dialect, oneOf, anyOf, allOf, ...rest } = schema
  const unions = [anyOf, oneOf].filter((branches) => branches !== undefined).map((branches) => ({ anyOf: each(branches) }))
  const all = [...(allOf === undefined ? [] : (each(allOf) as unknown[])), ...unions]
  const inner = { ...rewriteChildren(rest), ...(all.length > 0 && { allOf: all }) }
  const kinds = [rest['type'] ?? []].flat() as string[]
  const scalar = kinds.length === 0 || kinds.some((kind) => kind !== 'object' && kind !== 'array')
  const text = kinds.length === 0 || kinds.includes('string')
  return {
    ...(isObject($defs) && { $defs: each($defs) }),
    ...(isObject(definitions) && { definitions: each(definitions) }),
    ...(scalar ? { if: { [REFERENCE_KEYWORD]: text ? 'text' : 'scalar' }, else: inner } : inner),
  }
}

function rewriteChildren(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const rewrite: Record<string, (value: unknown) => unknown> = {
    properties: each,
    additionalProperties: acceptReferences,
    items: acceptReferences,
    then: acceptReferences,
    else: acceptReferences,
  }
  return Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, (Object.hasOwn(rewrite, keyword) ? rewrite[keyword] : undefined)?.(value) ?? value]))
}

function each(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(acceptReferences)
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, acceptReferences(schema)])) : value
}
