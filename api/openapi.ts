import { API_PROBLEMS, type ApiProblemCode } from '../schemas/api-problems.ts'
import { ProblemDocument } from '../schemas/api.ts'
import { SCOPES } from './auth/scopes.ts'
import type { Route } from './route.ts'

type Json = Readonly<Record<string, unknown>>

/** What every route may refuse with; and those with a scope; and those with a body. */
const ALWAYS: readonly ApiProblemCode[] = ['REQUEST_INVALID', 'RATE_LIMITED', 'INTERNAL', 'STATE_UNAVAILABLE']
const WITH_SCOPE: readonly ApiProblemCode[] = ['UNAUTHENTICATED', 'FORBIDDEN', 'ISSUER_UNREACHABLE']
const WITH_BODY: readonly ApiProblemCode[] = ['BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'BUSY']

/**
 * The OpenAPI 3.1 description of routes, made of the schemas that check their requests. Schemas with a `title` become
 * components. Pure.
 */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const components = new Components()
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route, components)
  components.of(ProblemDocument)
  return {
    openapi: '3.1.0',
    info: { title: 'Catalyst registry', version, summary: 'Plugins, versions, verdicts with their evidence, and what maintainers and publishers may ask for.', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: components.schemas,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: `A maintainer's token. Scopes: ${Object.entries(SCOPES).map(([scope, what]) => `\`${scope}\` (${what})`).join(', ')}.` },
        githubActions: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An OIDC token of GitHub Actions for the audience of this registry, of the workflow that the entry of the plugin names.' },
      },
    },
  }
}

function operation({ name, summary, params, query, body, scope, answer, problems }: Route, components: Components): Json {
  const codes = new Set([...ALWAYS, ...(scope ? WITH_SCOPE : []), ...(body ? WITH_BODY : []), ...problems])
  return {
    operationId: name,
    summary,
    parameters: [...parametersOf(params, 'path', components), ...parametersOf(query, 'query', components)],
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: components.of(body) } } } }),
    ...(scope && { security: [{ token: [scope] }, ...(scope === 'ingest' || scope === 'yank' ? [{ githubActions: [] }] : [])] }),
    responses: { [answer.status]: { description: 'Done.', content: { 'application/json': { schema: components.of(answer.schema) } } }, ...refusals(codes) },
  }
}

function parametersOf(schema: Route['params'], place: 'path' | 'query', components: Components): readonly Json[] {
  const required: readonly string[] = schema?.required ?? []
  return Object.entries(schema?.properties ?? {}).map(([name, one]) => {
    const { description, ...rest } = one as { description?: string }
    return { name, in: place, required: required.includes(name), ...(description !== undefined && { description }), schema: components.of(rest) }
  })
}

/** One answer per status, which names its codes. */
function refusals(codes: ReadonlySet<ApiProblemCode>): Json {
  const byStatus = Map.groupBy([...codes].sort(), (code) => API_PROBLEMS[code].status)
  return Object.fromEntries([...byStatus].sort(([a], [b]) => a - b).map(([status, names]) => [status, { description: names.join(', '), content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }]))
}

/** Schemas by title, each written once; what has none is written where it stands. */
class Components {
  readonly schemas: Record<string, Json> = {}

  of(schema: object): Json {
    const plain = this.#inner(JSON.parse(JSON.stringify(schema)) as Json)
    return plain as Json
  }

  #inner(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#inner(item))
    if (typeof value !== 'object' || value === null) return value
    const { $id: _id, ...schema } = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.#inner(inner)])) as Record<string, unknown>
    const title = schema['title']
    if (schema['type'] !== 'object' || typeof title !== 'string' || !/^[A-Z]\w+$/.test(title)) return schema
    this.schemas[title] ??= schema
    return { $ref: `#/components/schemas/${title}` }
  }
}
