import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { FORMATS } from './formats.ts'
import { quicklyObeys } from './quick-check.ts'
import { isReference, referencesIn } from './references.ts'

/* The one door to `ajv`, JSON Schema 2020-12. */

export type { ErrorObject }

const cache = new WeakMap<object, ValidateFunction>()
let ajv: Ajv2020 | undefined

/**
 * All errors of a value under a schema, in ajv's words; empty when it obeys. ajv compiles the schema when a value does
 * not plainly obey, and keeps it as long as the object lives: compiling costs more than all the checking of a run. Only schemas of ours, and those `checkConfigSchema` passed, may come here.
 */
export function schemaErrors(schema: object, value: unknown): readonly ErrorObject[] {
  if (quicklyObeys(schema, value)) return []
  const check = compiled(schema)
  return check(value) ? [] : (check.errors ?? [])
}

function compiled(schema: object): ValidateFunction {
  let check = cache.get(schema)
  if (!check) {
    ajv ??= newAjv()
    check = ajv.compile(schema)
    cache.set(schema, check)
  }
  return check
}

/** No meta schemas: ours are typed, and a stranger's was checked against the subset before. */
function newAjv(): Ajv2020 {
  const instance = new Ajv2020({
    allErrors: true,
    verbose: true,
    meta: false,
    validateSchema: false,
    addUsedSchema: false,
    strict: false,
    logger: false,
    formats: FORMATS,
    // Optimizing the generated code costs more than one run of it gains.
    code: { optimize: false },
  })
  // True for a reference that will be looked up later: alone for any scalar, inside a text for text.
  instance.addKeyword({ keyword: REFERENCE_KEYWORD, errors: false, validate: standsForLater })
  return instance
}

/** A keyword for `checkConfig`: `scalar` or `text`, whichever the reference may stand for. */
export const REFERENCE_KEYWORD = 'x-catalyst-reference'

function standsForLater(kind: 'scalar' | 'text', value: unknown): boolean {
  return isReference(value) || (kind === 'text' && typeof value === 'string' && referencesIn(value).length > 0)
}
