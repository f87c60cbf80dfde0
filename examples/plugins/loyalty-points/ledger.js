/** @import { PluginHost, Statement } from '@catalyst/plugins/contracts' */
import { openAccount } from './accounts.js'
import { REFERENCE } from './references.js'

/** @typedef {'earn' | 'take-back' | 'redeem' | 'expire'} Kind */
/**
 * A movement of points. `points` is what the customer gets, or loses when negative; `against` is the other side of the
 * books. `amount` is the money behind it, in minor units.
 *
 * @typedef {object} Entry
 * @property {Kind} kind
 * @property {string} reference
 * @property {string} at
 * @property {number} points
 * @property {'issued' | 'redeemed' | 'expired'} against
 * @property {number} [amount]
 * @property {string | null} [expiresAt]
 */
/** @typedef {{ kind: Kind, reference: string, points: number, amount: number | null, at: string, expiresAt: string | null }} Written */
/** @typedef {ReturnType<typeof ledger>} Ledger */

/** How often a decision is made again because somebody else wrote first. */
const ATTEMPTS = 5

/**
 * The books. Entries are only ever added; the postings of each sum to zero. A customer's entries are numbered without a
 * gap: two writers that decided on the same past want the same number, the database gives it to one, and the other
 * decides again. So no decision is ever made on a past that is not there any more.
 *
 * @param {Pick<PluginHost, 'db'>} host
 */
export function ledger({ db }) {
  /** @param {string} customerId @returns {Promise<readonly Written[]>} oldest first */
  const entries = async (customerId) => {
    const sql = `SELECT j.kind, j.${REFERENCE} AS reference, j.amount, j.at, p.points, p.expires_at FROM ${db.table('journal')} j
      JOIN ${db.table('postings')} p ON p.customer_id = j.customer_id AND p.sequence = j.sequence AND p.account = 'customer' WHERE j.customer_id = ? ORDER BY j.sequence`
    return (await db.query(sql, [customerId])).map(written)
  }

  /** @param {string} customerId @param {number} sequence @param {Entry} entry @returns {Statement[]} */
  const statements = (customerId, sequence, { kind, reference, at, points, against, amount, expiresAt }) => {
    const posting = `INSERT INTO ${db.table('postings')} (customer_id, sequence, account, points, expires_at) VALUES (?, ?, ?, ?, ?)`
    return [
      openAccount(db, customerId, at),
      { sql: `INSERT INTO ${db.table('journal')} (customer_id, sequence, kind, ${REFERENCE}, amount, at) VALUES (?, ?, ?, ?, ?, ?)`, params: [customerId, sequence, kind, reference, amount ?? null, at] },
      { sql: posting, params: [customerId, sequence, 'customer', points, expiresAt ?? null] },
      { sql: posting, params: [customerId, sequence, against, 0 - points, null] },
    ]
  }

  return {
    entries,

    /**
     * Adds the entry that `decide` makes of the customer's past, in one transaction with the statements of `also`.
     * Undefined from `decide` adds nothing. Gives the entry that was added.
     *
     * @param {string} customerId
     * @param {(past: readonly Written[]) => Entry | undefined} decide pure; asked again when the past has changed
     * @param {(past: readonly Written[], entry: Entry) => readonly Statement[]} [also]
     */
    async append(customerId, decide, also = () => []) {
      for (let left = ATTEMPTS; ; left -= 1) {
        const past = await entries(customerId)
        const entry = decide(past)
        if (entry === undefined) return undefined
        try {
          await db.transaction([...statements(customerId, past.length + 1, entry), ...also(past, entry)])
          return entry
        } catch (error) {
          // When nobody else has written, the database had another reason.
          if (left === 1 || (await entries(customerId)).length === past.length) throw error
        }
      }
    },

    /** Whose entry it is. @param {Kind} kind @param {string} reference @returns {Promise<string | undefined>} */
    async customerOf(kind, reference) {
      const [row] = await db.query(`SELECT customer_id FROM ${db.table('journal')} WHERE kind = ? AND ${REFERENCE} = ?`, [kind, reference])
      return row === undefined ? undefined : String(row.customer_id)
    },

    /** Customers with earnings that expired by `at` and are not written off yet; at most `limit`. @param {string} at @param {number} limit */
    async withExpired(at, limit) {
      const journal = db.table('journal')
      const sql = `SELECT DISTINCT j.customer_id FROM ${journal} j JOIN ${db.table('postings')} p ON p.customer_id = j.customer_id AND p.sequence = j.sequence
        WHERE j.kind = 'earn' AND p.expires_at <= ? AND NOT EXISTS (SELECT 1 FROM ${journal} e WHERE e.kind = 'expire' AND e.${REFERENCE} = j.${REFERENCE}) ORDER BY j.customer_id LIMIT ?`
      return (await db.query(sql, [at, limit])).map(({ customer_id }) => String(customer_id))
    },
  }
}

/** @param {Record<string, any>} row PostgreSQL gives large integers as text @returns {Written} */
function written({ kind, reference, points, amount, at, expires_at }) {
  return { kind, reference, points: Number(points), amount: amount === null ? null : Number(amount), at, expiresAt: expires_at }
}
