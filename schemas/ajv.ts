import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { isReference, referencesIn } from './references.ts'
import { exactVersion, isRange, isSatisfiable } from './versions.ts'

/* The one door to `ajv`, JSON Schema 2020-12. */

export type { ErrorObject }

const cache = new WeakMap<object, ValidateFunction>()
let ajv: Ajv2020 | undefined

/**
 * All errors of a value under a schema, in ajv's words; empty when it obeys. The schema is compiled at its first use and
 * kept as long as the object lives. Only schemas of ours, and those `checkConfigSchema` passed, may come here.
 */
export function schemaErrors(schema: object, value: unknown): readonly ErrorObject[] {
  let check = cache.get(schema)
  if (!check) {
    ajv ??= newAjv()
    check = ajv.compile(schema)
    cache.set(schema, check)
  }
  return check(value) ? [] : (check.errors ?? [])
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
    // Optimizing the generated code costs more than one run of it gains.
    code: { optimize: false },
    formats: {
      instant: (text: string) => !Number.isNaN(Date.parse(text)),
      semver: (text: string) => exactVersion(text) !== undefined,
      'semver-range': (text: string) => isRange(text) && isSatisfiable(text),
    },
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
