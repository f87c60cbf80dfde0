import { Webhooks } from '@octokit/webhooks'
import type { WebhookIntake } from '../../catalog/ports.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { parseJson } from '../../schemas/json.ts'
import type { Bodies } from '../body.ts'
import { answer, type Exchange } from '../exchange.ts'
import type { ServiceMetrics } from '../metrics.ts'
import { ApiError, problemOf } from '../problem.ts'

/* The one door to `@octokit/webhooks`: whether a delivery is signed with one of our secrets. */

export interface WebhookDeps {
  readonly intake: WebhookIntake
  /** Newest first; while secrets are changed both count. */
  readonly secrets: readonly string[]
  readonly bodies: Bodies
  readonly metrics: Pick<ServiceMetrics, 'delivery'>
  readonly now: () => string
}

/** Deliveries that we act on are far smaller; GitHub cuts off at 25 MB, and the sweep finds what a huge push says. */
export const DELIVERY_MAX_BYTES = 3 * 1024 * 1024

const SIGNATURE = /^sha256=[0-9a-f]{64}$/
const DELIVERY_ID = /^[0-9A-Za-z-]{8,64}$/
const EVENT = /^[a-z_]{1,50}$/

/** Takes deliveries of GitHub's webhooks: proven, written down, answered. What they lead to happens later, elsewhere. */
export function webhookRoute(deps: WebhookDeps): (exchange: Exchange) => Promise<Response> {
  const signers = deps.secrets.map((secret) => new Webhooks({ secret }))
  return async (exchange) => {
    exchange.route = 'webhook'
    try {
      const status = await taken(exchange, signers, deps)
      deps.metrics.delivery(status)
      return answer(exchange, 202, JSON.stringify({ status }), { 'content-type': 'application/json', 'cache-control': 'no-store' })
    } catch (error) {
      deps.metrics.delivery('refused')
      return problemOf(exchange, error)
    }
  }
}

async function taken(exchange: Exchange, signers: readonly Webhooks[], { intake, bodies, now }: WebhookDeps): Promise<string> {
  const { method, headers } = exchange.incoming
  if (method !== 'POST') throw new ApiError('METHOD_NOT_ALLOWED', `${method} is not taken here`, { headers: { allow: 'POST' } })
  const signature = one(headers['x-hub-signature-256'])
  if (!SIGNATURE.test(signature)) throw new ApiError('SIGNATURE_INVALID', 'the delivery is not signed: X-Hub-Signature-256 is missing, or of another form')
  return bodies.withJson(exchange, DELIVERY_MAX_BYTES, async (bytes) => {
    const text = bytes.toString('utf8')
    // Nothing of an unproven body is parsed. Not every(): how long it takes shall not tell which secret it was.
    const proven = await Promise.all(signers.map((signer) => signer.verify(text, signature)))
    if (!proven.includes(true)) throw new ApiError('SIGNATURE_INVALID', 'the delivery is not signed with a secret of this registry')
    const [deliveryId, event] = [one(headers['x-github-delivery']), one(headers['x-github-event'])]
    if (!DELIVERY_ID.test(deliveryId) || !EVENT.test(event)) throw new ApiError('DELIVERY_INVALID', 'X-GitHub-Delivery or X-GitHub-Event is missing, or of another form')
    return intake.accept({ deliveryId, event, payload: payloadOf(text), receivedAt: now() })
  })
}

/** A header that was sent twice is none. */
function one(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : ''
}

function payloadOf(text: string): unknown {
  try {
    return parseJson(text, 'payload', { maxBytes: DELIVERY_MAX_BYTES }).value
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    throw new ApiError('DELIVERY_INVALID', `the payload cannot be read: ${error.message}`)
  }
}
