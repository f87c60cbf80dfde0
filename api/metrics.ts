import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { CatalogStats } from '../catalog/ports.ts'
import type { Exchange } from './exchange.ts'

/* The one door to `prom-client`. Every label comes out of a fixed set: nothing that a client sends makes a new time series. */

/** What is counted, and its text for Prometheus. */
export interface ServiceMetrics {
  request(exchange: Exchange, status: number, ms: number): void
  /** A connection that never became a request, by code. */
  refused(code: string): void
  delivery(result: string): void
  /** One more (+1) or one less (-1). */
  connections(change: 1 | -1): void
  /** The exposition format, and its content type. */
  text(): Promise<{ readonly type: string; readonly body: string }>
}

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10]

/** `stats` is asked at each scrape; where it fails, its figures are left out rather than old. */
export function createMetrics(stats: (() => Promise<CatalogStats>) | undefined): ServiceMetrics {
  const registry = new Registry()
  const registers = [registry]
  const requests = new Histogram({ name: 'catalyst_http_request_seconds', help: 'Requests by route and class of status, from first byte to last', labelNames: ['route', 'status'], buckets: SECONDS, registers })
  const refused = new Counter({ name: 'catalyst_http_refused_total', help: 'Connections that never became a request', labelNames: ['code'], registers })
  const problems = new Counter({ name: 'catalyst_http_problems_total', help: 'Problem answers by code', labelNames: ['code'], registers })
  const deliveries = new Counter({ name: 'catalyst_webhook_deliveries_total', help: 'Webhook deliveries by what became of them', labelNames: ['result'], registers })
  const connections = new Gauge({ name: 'catalyst_http_connections', help: 'Open connections', registers })
  const memory: Gauge = new Gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory', registers, collect: () => memory.set(process.memoryUsage.rss()) })
  const series = new Map<string, { observe(seconds: number): void }>()
  const refresh = stats ? catalogGauges(stats, registers) : async () => undefined
  return {
    request({ route, code }, status, ms) {
      const key = `${route} ${Math.floor(status / 100)}xx`
      let one = series.get(key)
      if (!one) series.set(key, (one = requests.labels(route, `${Math.floor(status / 100)}xx`)))
      one.observe(ms / 1000)
      if (code !== undefined) problems.inc({ code })
    },
    refused: (code) => refused.inc({ code }),
    delivery: (result) => deliveries.inc({ result }),
    connections: (change) => connections.inc(change),
    async text() {
      await refresh()
      return { type: registry.contentType, body: await registry.metrics() }
    },
  }
}

/** Sets the figures of the catalog, or takes them out where it cannot be asked. */
function catalogGauges(stats: () => Promise<CatalogStats>, registers: Registry[]): () => Promise<void> {
  const plugins = new Gauge({ name: 'catalyst_catalog_plugins', help: 'Plugins by tier', labelNames: ['tier'], registers })
  const versions = new Gauge({ name: 'catalyst_catalog_versions', help: 'Versions by verdict', labelNames: ['verdict'], registers })
  const waiting = new Gauge({ name: 'catalyst_catalog_waiting', help: 'Deliveries and checks that wait', registers })
  const alarms = new Gauge({ name: 'catalyst_catalog_open_alarms', help: 'Alarms that nobody has closed', registers })
  return async () => {
    const now = await stats().catch(() => undefined)
    for (const gauge of [plugins, versions]) gauge.reset()
    if (!now) return [waiting, alarms].forEach((gauge) => gauge.remove())
    for (const [tier, count] of Object.entries(now.plugins)) plugins.set({ tier }, count)
    for (const [verdict, count] of Object.entries(now.versions)) versions.set({ verdict }, count)
    waiting.set(now.waiting)
    alarms.set(now.openAlarms)
  }
}
