import type { Actor } from '../../catalog/ports.ts'
import type { CatalogService } from '../ports.ts'
import { ApiError } from '../problem.ts'
import type { Principal } from './authenticate.ts'
import { publisherRefusal } from './publisher.ts'
import { PUBLISHER_SCOPES, type Scope } from './scopes.ts'

/**
 * Who acts, when they may: a maintainer whose token has the scope; a workflow, for what publishers may do, with the plugin whose
 * entry names it. @throws ApiError FORBIDDEN, UNKNOWN_PLUGIN
 */
export async function authorize(principal: Principal, scope: Scope, id: string | undefined, { catalog, now }: { readonly catalog: CatalogService; readonly now: string }): Promise<Actor> {
  const actor = { by: principal.by, at: now }
  if (principal.kind === 'maintainer') {
    if (principal.scopes.includes(scope)) return actor
    throw new ApiError('FORBIDDEN', `the token of ${principal.by} lacks the scope ${scope}`)
  }
  if (id === undefined || !PUBLISHER_SCOPES.includes(scope)) throw new ApiError('FORBIDDEN', `a publisher may not: the scope ${scope} is for maintainers`)
  const plugin = await catalog.plugin(id)
  if (!plugin) throw new ApiError('UNKNOWN_PLUGIN', `the registry has no plugin ${id}`)
  const refusal = publisherRefusal(principal.claims, plugin.entry, now)
  if (refusal !== undefined) throw new ApiError('FORBIDDEN', refusal)
  return actor
}
