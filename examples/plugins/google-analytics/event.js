/** @typedef {{ name: string, params: Record<string, unknown>, timestamp_micros: number }} Ga4Event */

/*
 * The limits of the Measurement Protocol for GA4. Google answers 204 even to what it throws away, so they are kept here.
 */
const MAX_NAME = 40
const MAX_PARAMS = 25
const MAX_TEXT = 100
const MAX_ITEMS = 200
const MAX_AGE_HOURS = 72
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/
const RESERVED_PREFIX = /^(_|firebase_|ga_|google_|gtag\.)/
const RESERVED = new Set([
  'ad_activeview', 'ad_click', 'ad_exposure', 'ad_query', 'ad_reward', 'adunit_exposure', 'app_clear_data', 'app_exception', 'app_install', 'app_remove', 'app_store_refund',
  'app_update', 'app_upgrade', 'dynamic_link_app_open', 'dynamic_link_app_update', 'dynamic_link_first_open', 'error', 'first_open', 'first_visit', 'in_app_purchase',
  'notification_dismiss', 'notification_foreground', 'notification_open', 'notification_receive', 'os_update', 'session_start', 'session_start_with_rollout', 'user_engagement',
])
/** What looks like an address or a telephone number: Google's terms forbid both, and so do we. */
const PERSONAL = /[^\s@]+@[^\s@]+\.[^\s@]+|^\+?\d[\d\s()-]{7,}$/

/**
 * An event of the store as GA4 takes it, or undefined when GA4 would throw it away: `product.viewed` becomes
 * `product_viewed`; parameters beyond the limits or with personal data are left out.
 *
 * @param {{ name: string, at: string, properties: Readonly<Record<string, unknown>> }} event
 * @param {string} now ISO 8601
 * @returns {Ga4Event | undefined}
 */
export function ga4Event({ name, at, properties }, now) {
  const ga4Name = name.replaceAll(/[.\s-]/g, '_')
  const age = Date.parse(now) - Date.parse(at)
  if (!isName(ga4Name) || RESERVED.has(ga4Name) || !(age <= MAX_AGE_HOURS * 3_600_000)) return undefined
  const params = Object.entries(properties).filter(([key, value]) => isName(key) && isValue(value)).slice(0, MAX_PARAMS)
  return { name: ga4Name, params: Object.fromEntries(params.map(([key, value]) => [key, shortened(value)])), timestamp_micros: Date.parse(at) * 1000 }
}

/** @param {string} name */
function isName(name) {
  return name.length <= MAX_NAME && NAME.test(name) && !RESERVED_PREFIX.test(name)
}

/** @param {unknown} value */
function isValue(value) {
  if (typeof value === 'string') return !PERSONAL.test(value)
  return typeof value === 'number' ? Number.isFinite(value) : typeof value === 'boolean' || Array.isArray(value)
}

/** @param {unknown} value @returns {unknown} */
function shortened(value) {
  if (typeof value === 'string') return [...value].slice(0, MAX_TEXT).join('')
  return Array.isArray(value) ? value.slice(0, MAX_ITEMS) : value
}
