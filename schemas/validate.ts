import type * as Type from 'typebox'
import { schemaErrors } from './ajv.ts'
import type { SourceDocument } from './document.ts'
import { cleanProblem, type Problem, throwProblems } from './errors.ts'
import { problemsOf } from './schema-problems.ts'

/** No reader looks at more problems than this, and hostile files can have millions. */
export const MAX_PROBLEMS = 100

/**
 * Every way in which a document breaks a schema of ours, each with code and place, sorted by place; empty when it is
 * valid. At most 100. @example validate(PluginSet, parseYaml(bytes, 'plugins.yaml'))
 */
export function validate(schema: Type.TSchema, document: SourceDocument): readonly Problem[] {
  const errors = schemaErrors(schema, document.value)
  if (errors.length === 0) return []
  return sortProblems(problemsOf(errors, schema, document)).slice(0, MAX_PROBLEMS).map(cleanProblem)
}

/** The document's value, which obeys the schema. @throws CatalystError with all problems of `validate` */
export function validated<S extends Type.TSchema>(schema: S, document: SourceDocument): Type.Static<S> {
  throwProblems(validate(schema, document))
  return document.value as Type.Static<S>
}

/** True when a value in memory obeys the schema. */
export function obeys<S extends Type.TSchema>(schema: S, value: unknown): value is Type.Static<S> {
  return schemaErrors(schema, value).length === 0
}

/** Problems in the order in which a person reads the file. Those without a line come first. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0))
}
