import type * as Type from 'typebox'
import type { Actor } from '../catalog/ports.ts'
import type { ApiProblemCode } from '../schemas/api-problems.ts'
import type { Scope } from './auth/scopes.ts'
import type { CatalogService } from './ports.ts'

/** What a handler is given: everything validated by the schemas of its route. */
export interface Asked<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
  /** Who asks: proven, and with the scope of the route. Nobody in particular where the route has none. */
  readonly actor: Actor
  readonly catalog: CatalogService
}

/**
 * One operation of the JSON API, as data: from this the service is mounted and its OpenAPI document written, so that neither
 * can say something else.
 */
export interface Route<P extends Type.TObject = Type.TObject, Q extends Type.TObject = Type.TObject, B extends Type.TSchema = Type.TSchema, A extends Type.TSchema = Type.TSchema> {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With `{name}` for parameters. */
  readonly path: `/api/v1/${string}`
  readonly name: string
  readonly summary: string
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  /** Who may: absent for everybody. */
  readonly scope?: Scope
  readonly answer: { readonly status: 200 | 202; readonly schema: A }
  /** What it may refuse with, besides what every route may. */
  readonly problems: readonly ApiProblemCode[]
  handle(asked: Asked<Type.Static<P>, Type.Static<Q>, Type.Static<B>>): Promise<Type.Static<A>>
}

/** Checks a route's handler against its own schemas. */
export function route<P extends Type.TObject, Q extends Type.TObject, B extends Type.TSchema, A extends Type.TSchema>(one: Route<P, Q, B, A>): Route {
  return one as unknown as Route
}
