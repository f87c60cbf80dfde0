import { CatalystError } from '../../schemas/errors.ts'
import type { Fence } from '../data-ports.ts'
import { fenceSql } from '../store-db/fence-sql.ts'
import { PostgresConnection, type Query } from '../store-db/postgres-connection.ts'
import { migrate, schemaVersion } from '../store-db/postgres-schema.ts'

/** Our own connection to the store's database, with our tables in it when something is to be written. */
export class Host {
  readonly url: string
  readonly db: PostgresConnection
  #prepared: Promise<void> | undefined

  constructor(url: string) {
    this.url = url
    this.db = new PostgresConnection(url)
  }

  /** False when the database has no tables of ours: then no plugin has any either. */
  async hasRecords(): Promise<boolean> {
    return (await schemaVersion(this.db)) > 0
  }

  /** Makes our tables where they are absent, once. */
  async prepared(): Promise<void> {
    this.#prepared ??= migrate(this.db)
    try {
      await this.#prepared
    } catch (error) {
      this.#prepared = undefined
      throw error
    }
  }

  /** Our own change of a plugin's tables, with the fence in the same transaction. @throws CatalystError LEASE_LOST and as PostgresConnection.transaction */
  async change<T>(fence: Fence, work: (query: Query) => Promise<T>): Promise<T> {
    await this.prepared()
    return this.db.transaction('write', async (query) => {
      await assertFenced(query, fence)
      return work(query)
    })
  }
}

/** Locks our state, and with it the lease, until the end of the transaction. @throws CatalystError LEASE_LOST when the token is not the newest */
export async function assertHolds(query: Query, { token }: Fence): Promise<void> {
  await query('SELECT one FROM catalyst.state FOR UPDATE')
  const [lease] = await query('SELECT 1 AS held FROM catalyst.lease WHERE token = $1', [token])
  if (!lease) throw leaseLost(token)
}

/** Asserts the fencing token and raises the serial. Nobody can take the lease from here until the end of the transaction. @throws CatalystError LEASE_LOST */
async function assertFenced(query: Query, { token }: Fence): Promise<void> {
  for (const { sql, params, fence } of fenceSql('postgres', token)) {
    const rows = await query(fence ? `${sql} RETURNING one` : sql, params)
    if (fence && rows.length === 0) throw leaseLost(token)
  }
}

/** Says whose token is not the newest any more. */
export function leaseLost(token: number): CatalystError {
  return new CatalystError('LEASE_LOST', `The lease with token ${token} was taken away`)
}
