/** @import { PluginHost } from '@catalyst/plugins/contracts' */

/**
 * @typedef {object} Product
 * @property {string} sku
 * @property {string} title
 * @property {string} description
 * @property {string} url
 * @property {string | null} image_url
 * @property {number} price_amount minor units
 * @property {string} price_currency
 * @property {number} stock
 * @property {string | null} brand
 * @property {string | null} gtin
 */

const PAGE = 500

/**
 * The active products by SKU, page by page: a large catalogue is never in memory as rows.
 *
 * @param {PluginHost['db']} db
 * @returns {AsyncGenerator<Product>}
 */
export async function* products(db) {
  const sql = 'SELECT sku, title, description, url, image_url, price_amount, price_currency, stock, brand, gtin FROM products WHERE active = 1 AND sku > ? ORDER BY sku LIMIT ?'
  for (let after = ''; ; ) {
    const rows = /** @type {readonly Product[]} */ (/** @type {unknown} */ (await db.query(sql, [after, PAGE])))
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    after = last.sku
  }
}
