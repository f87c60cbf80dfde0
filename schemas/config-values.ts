import { isObject, referenced, subschemas } from './config-subset.ts'
import { isReference, type Reference, substitute } from './references.ts'

/**
 * A config with its references looked up: what a plugin is given. What is looked up is text; where the schema wants a
 * number or a flag and no text, a reference that stands alone becomes one (`${env:PORT}` -> 8080). Check the result with
 * `checkConfig` afterwards: text that cannot become what is wanted stays text. Never write the result anywhere (law 8).
 */
export function configValues(schema: object, config: unknown, lookup: (reference: Reference) => string): unknown {
  const root = schema as Schema
  return valuesAt([root], config, { root, lookup })
}

type Schema = Readonly<Record<string, unknown>>
interface Context {
  readonly root: Schema
  readonly lookup: (reference: Reference) => string
}

function valuesAt(schemas: readonly Schema[], value: unknown, context: Context): unknown {
  const shapes = schemas.flatMap((schema) => spread(schema, context.root))
  if (isReference(value)) return typed(String(substitute(value, context.lookup)), shapes)
  if (Array.isArray(value)) {
    const items = shapes.flatMap((shape) => (isObject(shape['items']) ? [shape['items']] : []))
    return value.map((item) => valuesAt(items, item, context))
  }
  if (!isObject(value)) return substitute(value, context.lookup)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, valuesAt(shapes.flatMap((shape) => memberOf(shape, key)), item, context)]))
}

function memberOf(shape: Schema, key: string): readonly Schema[] {
  const { properties, additionalProperties } = shape
  if (isObject(properties) && Object.hasOwn(properties, key)) return [properties[key] as Schema]
  return isObject(additionalProperties) ? [additionalProperties] : []
}

/** The schema, what it refers to, and the branches that speak of the same value. Circles were refused by `checkConfigSchema`. */
function spread(schema: Schema, root: Schema): readonly Schema[] {
  const named = typeof schema['$ref'] === 'string' ? referenced(root, schema['$ref']) : undefined
  const branches = subschemas(schema).filter(({ path }) => ['allOf', 'anyOf', 'oneOf', 'then', 'else'].includes(String(path[0])))
  return [schema, ...[named, ...branches.map((branch) => branch.schema as Schema)].flatMap((sub) => (sub ? spread(sub, root) : []))]
}

function typed(text: string, shapes: readonly Schema[]): unknown {
  const wanted = new Set(shapes.flatMap((shape) => [shape['type'] ?? []].flat() as string[]))
  if (wanted.has('string')) return text
  if (wanted.has('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if ((wanted.has('integer') || wanted.has('number')) && /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$/.test(text)) return Number(text)
  return text
}
