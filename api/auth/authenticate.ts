import type { TokenRow } from '../../schemas/tokens.ts'
import type { Exchange } from '../exchange.ts'
import { ApiError } from '../problem.ts'
import type { RateLimit } from '../rate-limit.ts'
import type { OidcVerifier, WorkflowClaims } from './github-oidc.ts'
import { isScope, type Scope } from './scopes.ts'
import { rowOf, TOKEN_PREFIX } from './tokens.ts'

/** Who asks, proven. */
export type Principal =
  | { readonly kind: 'maintainer'; readonly by: string; readonly scopes: readonly Scope[] }
  | { readonly kind: 'publisher'; readonly by: string; readonly claims: WorkflowClaims }

export interface AuthDeps {
  /** Absent: no maintainer can come in. */
  readonly tokens?: () => Promise<readonly TokenRow[]>
  /** Absent: no workflow can come in. */
  readonly oidc?: OidcVerifier
  /** Counts what was refused, by client: guessing is slow. */
  readonly failures: RateLimit
  readonly now: () => string
}

export type Authenticate = (exchange: Exchange) => Promise<Principal>

const CHALLENGE = { 'www-authenticate': 'Bearer realm="catalyst registry"' }

/** Proves who sends a request by its `Authorization: Bearer` (RFC 6750). */
export function authenticator(deps: AuthDeps): Authenticate {
  return async (exchange) => {
    if (!(await deps.failures.look(exchange.client))) throw new ApiError('RATE_LIMITED', 'too many tokens were refused', { headers: { 'retry-after': String(deps.failures.quota.seconds) } })
    try {
      const principal = await prove(bearer(exchange), deps)
      exchange.by = principal.by
      return principal
    } catch (error) {
      if (error instanceof ApiError && error.code === 'UNAUTHENTICATED') {
        await deps.failures.take(exchange.client)
        throw new ApiError('UNAUTHENTICATED', error.message, { headers: CHALLENGE })
      }
      throw error
    }
  }
}

/** One token, from one header. */
function bearer({ incoming }: Exchange): string {
  const given = incoming.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'authorization').length
  if (given === 0) throw new ApiError('UNAUTHENTICATED', 'a token is needed')
  const token = /^Bearer ([A-Za-z0-9._~+/-]{1,8000}=*)$/i.exec(incoming.headers.authorization ?? '')?.[1]
  if (given > 1 || token === undefined) throw new ApiError('UNAUTHENTICATED', 'the Authorization header is not one bearer token')
  return token
}

async function prove(token: string, { tokens, oidc, now }: AuthDeps): Promise<Principal> {
  if (token.startsWith(TOKEN_PREFIX) && tokens) return maintainer(rowOf(token, await tokens(), now()))
  if (token.split('.').length === 3 && oidc) {
    const claims = await oidc(token)
    return { kind: 'publisher', by: `publisher:github:${claims.repository}`, claims }
  }
  throw new ApiError('UNAUTHENTICATED', 'the token is none that this registry takes')
}

function maintainer(row: TokenRow | 'expired' | undefined): Principal {
  if (row === 'expired') throw new ApiError('UNAUTHENTICATED', 'the token has expired')
  if (row === undefined) throw new ApiError('UNAUTHENTICATED', 'the token is none that this registry takes')
  return { kind: 'maintainer', by: `maintainer:${row.name}`, scopes: row.scopes.filter(isScope) }
}
