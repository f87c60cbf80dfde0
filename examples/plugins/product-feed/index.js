/** @import { Marketing, PluginHost } from '@catalyst/plugins/contracts' */
import { products } from './catalogue.js'
import { feed, item } from './feed.js'
import { problemsOf } from './rules.js'

const FEED = 'feeds/google-merchant.xml'
const REPORT = 'feeds/google-merchant.report.json'

/**
 * The catalogue as a Google Merchant Center feed, rewritten every hour.
 *
 * @param {PluginHost} host
 * @returns {Marketing}
 */
export function createPlugin({ config, db, files, log, now }) {
  const build = async () => {
    const items = []
    const leftOut = []
    for await (const product of products(db)) {
      const problems = problemsOf(product)
      if (problems.length === 0) items.push(item(product))
      else leftOut.push({ sku: product.sku, problems })
    }
    await files.write(FEED, feed({ title: String(config.title ?? ''), link: String(config.link ?? ''), description: String(config.description ?? '') }, items))
    await files.write(REPORT, `${JSON.stringify({ builtAt: now(), products: items.length, leftOut }, undefined, 2)}\n`)
    if (leftOut.length > 0) log.warn('products left out of the feed', { count: leftOut.length, report: REPORT })
    return { products: items.length, leftOut: leftOut.length }
  }
  return {
    health: async () => ({ ok: true }),
    hooks: { 'schedule.hourly': async () => void (await build()) },
    operations: {
      /** Builds the feed now: `{ products, leftOut }`. */
      build,
    },
  }
}
