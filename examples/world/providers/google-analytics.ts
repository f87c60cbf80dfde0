import { json, type Provider } from './serve.ts'

export interface Ga4Event {
  readonly name: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly timestamp_micros?: number
}

/** One GA4 web stream behind the Measurement Protocol. */
export interface GoogleAnalytics {
  readonly api: Provider
  /** What counted, with the visitor it counted for. */
  readonly events: (Ga4Event & { readonly client_id: string })[]
  /** Why something was thrown away: Google tells only at /debug/mp/collect. */
  readonly thrownAway: string[]
}

const MAX_BODY_BYTES = 130_000
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,39}$/
const PERSONAL = /[^\s@]+@[^\s@]+/

/** POST /mp/collect answers 204 whatever it gets; what breaks a rule does not count (developers.google.com/analytics/devguides/collection/protocol/ga4). */
export function createGoogleAnalytics({ measurementId, apiSecret }: { measurementId: string; apiSecret: string }): GoogleAnalytics {
  const events: GoogleAnalytics['events'] = []
  const thrownAway: string[] = []
  return {
    events,
    thrownAway,
    api: ({ method, path, query, body }) => {
      if (method !== 'POST' || path !== '/mp/collect') return json(404, { error: 'not found' })
      const problem = requestProblem(body) ?? (query.get('measurement_id') === measurementId && query.get('api_secret') === apiSecret ? undefined : 'unknown stream or secret')
      if (problem !== undefined) thrownAway.push(problem)
      else {
        const { client_id, events: sent } = JSON.parse(body) as { client_id: string; events: Ga4Event[] }
        events.push(...sent.map((event) => ({ ...event, client_id })))
      }
      return { status: 204, body: '' }
    },
  }
}

function requestProblem(body: string): string | undefined {
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) return 'body over 130 kB'
  const { client_id, events } = JSON.parse(body) as { client_id?: unknown; events?: readonly Ga4Event[] }
  if (typeof client_id !== 'string' || client_id === '') return 'no client_id'
  if (!Array.isArray(events) || events.length === 0 || events.length > 25) return `${String(events?.length)} events`
  return events.map(eventProblem).find((problem) => problem !== undefined)
}

function eventProblem({ name, params = {} }: Ga4Event): string | undefined {
  if (!NAME.test(name) || /^(ga_|google_|firebase_)/.test(name)) return `name ${name}`
  if (Object.keys(params).length > 25) return `${name}: more than 25 parameters`
  for (const [key, value] of Object.entries(params)) {
    if (!NAME.test(key)) return `${name}: parameter ${key}`
    if (typeof value === 'string' && (value.length > 100 || PERSONAL.test(value))) return `${name}: value of ${key}`
  }
  return undefined
}
