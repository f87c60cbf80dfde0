import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type Type from 'typebox'
import type { SourceDocument } from './document.ts'
import { cleanProblem, type Problem, throwProblems } from './errors.ts'
import { problemsOf } from './schema-problems.ts'
import { exactVersion, isRange, isSatisfiable } from './versions.ts'

/* The one door to `ajv`, JSON Schema 2020-12. */

/** No reader looks at more problems than this, and hostile files can have millions. */
const MAX_PROBLEMS = 100

/**
 * Every way in which a document breaks a schema of ours, each with code and place, sorted by place; empty when it is
 * valid. At most 100. @example validate(PluginSet, parseYaml(bytes, 'plugins.yaml'))
 */
export function validate(schema: Type.TSchema, document: SourceDocument): readonly Problem[] {
  const check = compiled(schema)
  if (check(document.value)) return []
  return sortProblems(problemsOf(check.errors ?? [], schema, document)).slice(0, MAX_PROBLEMS).map(cleanProblem)
}

/** The document's value, which obeys the schema. @throws CatalystError with all problems of `validate` */
export function validated<S extends Type.TSchema>(schema: S, document: SourceDocument): Type.Static<S> {
  throwProblems(validate(schema, document))
  return document.value as Type.Static<S>
}

/** True when a value in memory obeys the schema. */
export function obeys<S extends Type.TSchema>(schema: S, value: unknown): value is Type.Static<S> {
  return compiled(schema)(value)
}

/** Problems in the order in which a person reads the file. Those without a line come first. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0))
}

const cache = new WeakMap<object, ValidateFunction>()
let ajv: Ajv2020 | undefined

function compiled(schema: Type.TSchema): ValidateFunction {
  let check = cache.get(schema)
  if (!check) {
    ajv ??= newAjv()
    check = ajv.compile(schema)
    cache.set(schema, check)
  }
  return check
}

/** Our own schemas need no meta schema, and ranges are checked wherever they stand. */
function newAjv(): Ajv2020 {
  return new Ajv2020({
    allErrors: true,
    verbose: true,
    meta: false,
    validateSchema: false,
    addUsedSchema: false,
    formats: {
      semver: (text: string) => exactVersion(text) !== undefined,
      'semver-range': (text: string) => isRange(text) && isSatisfiable(text),
    },
  })
}
