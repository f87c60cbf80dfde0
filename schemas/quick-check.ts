import { FORMATS } from './formats.ts'

/*
 * A check that only says yes, or leaves the answer to ajv. It reads a schema instead of compiling it, knows the keywords
 * that our formats use, and says "not plainly" to everything else. Its law: what it takes, ajv takes (its test).
 */

type Schema = Readonly<Record<string, unknown>>
type Check = (rule: never, value: unknown, schema: Schema) => boolean

/** True when the value plainly obeys the schema; false when it does not, or when only ajv can tell. */
export function quicklyObeys(schema: object, value: unknown): boolean {
  for (const keyword in schema) {
    const check = CHECKS.get(keyword)
    if (!check || !check((schema as Schema)[keyword] as never, value, schema as Schema)) return false
  }
  return true
}

const yes = (): boolean => true

const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['$schema', yes],
  ['$id', yes],
  ['title', yes],
  ['description', yes],
  ['type', (type: string, value) => typeOf(value) === type || (type === 'integer' && Number.isInteger(value))],
  ['const', (rule: unknown, value) => rule === value],
  ['enum', (rule: readonly unknown[], value) => rule.includes(value)],
  ['pattern', (pattern: string, value) => typeof value !== 'string' || regex(pattern).test(value)],
  ['format', (name: string, value) => typeof value !== 'string' || (Object.hasOwn(FORMATS, name) && FORMATS[name as keyof typeof FORMATS](value))],
  // Lengths count code points: never more than code units, and at least half of them
  ['maxLength', (max: number, value) => typeof value !== 'string' || value.length <= max],
  ['minLength', (min: number, value) => typeof value !== 'string' || value.length >= 2 * min || [...value].length >= min],
  ['minimum', (min: number, value) => typeof value !== 'number' || value >= min],
  ['maximum', (max: number, value) => typeof value !== 'number' || value <= max],
  ['minItems', (min: number, value) => !Array.isArray(value) || value.length >= min],
  ['maxItems', (max: number, value) => !Array.isArray(value) || value.length <= max],
  ['uniqueItems', (_unique: boolean, value) => !Array.isArray(value) || (value.every((item) => typeof item === 'string') && new Set(value).size === value.length)],
  ['items', (items: Schema, value) => !Array.isArray(value) || value.every((item) => quicklyObeys(items, item))],
  ['required', (keys: readonly string[], value) => !isObject(value) || keys.every((key) => Object.hasOwn(value, key) && value[key] !== undefined)],
  ['properties', (properties: Schema, value) => !isObject(value) || Object.keys(properties).every((key) => !Object.hasOwn(value, key) || quicklyObeys(properties[key] as Schema, value[key]))],
  ['additionalProperties', additionalProperties],
  ['propertyNames', (names: Schema, value) => !isObject(value) || Object.keys(value).every((key) => quicklyObeys(names, key))],
  ['anyOf', (branches: readonly Schema[], value) => branches.some((branch) => quicklyObeys(branch, value))],
])

function additionalProperties(rule: Schema | boolean, value: unknown, schema: Schema): boolean {
  if (!isObject(value)) return true
  const known = (schema['properties'] ?? {}) as Schema
  const others = Object.keys(value).filter((key) => !Object.hasOwn(known, key))
  if (typeof rule === 'boolean') return rule || others.length === 0
  return schema['patternProperties'] === undefined && others.every((key) => quicklyObeys(rule, value[key]))
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeOf(value) === 'object'
}

const regexes = new Map<string, RegExp>()

function regex(pattern: string): RegExp {
  let compiled = regexes.get(pattern)
  if (!compiled) regexes.set(pattern, (compiled = new RegExp(pattern, 'u')))
  return compiled
}
