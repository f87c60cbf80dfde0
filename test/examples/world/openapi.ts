import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv'
import { readFileSync } from 'node:fs'

interface Slice {
  readonly responses: Readonly<Record<string, Readonly<Record<string, object>>>>
  readonly $defs: Readonly<Record<string, object>>
}
const slice = JSON.parse(readFileSync(new URL('../../fixtures/github-openapi/responses.json', import.meta.url), 'utf8')) as Slice

const ajv = new Ajv2020({
  strict: false,
  allErrors: true,
  formats: {
    // GitHub calls its URI templates `uri` too.
    uri: (text: string) => URL.canParse(text.replace(/\{[^}]*\}/g, '')),
    'date-time': /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/,
    int64: true,
    email: /^[^@\s]+@[^@\s]+$/,
  },
})
const known = new Map<string, ValidateFunction>()

/** The endpoints that GitHub's description covers here. */
export const DESCRIBED = Object.keys(slice.responses)

/** What GitHub's own description finds wrong with an answer to `GET path`; empty when it agrees. @throws Error when the slice does not have it. */
export function objections(path: string, status: number, body: unknown): readonly string[] {
  const schema = slice.responses[path]?.[status]
  if (!schema) throw new Error(`GitHub's description has no ${status} for ${path}`)
  const key = `${path} ${status}`
  const validate = known.get(key) ?? ajv.compile({ ...schema, $defs: slice.$defs })
  known.set(key, validate)
  return validate(body) ? [] : (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`)
}
