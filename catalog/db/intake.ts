import { CatalystError } from '../../schemas/errors.ts'
import type { Delivery, WebhookIntake } from '../ports.ts'
import type { Session } from './session.ts'

/** The events after which something of a repository may have changed. */
export const EVENTS: ReadonlySet<string> = new Set(['release', 'push', 'create', 'delete', 'repository'])

/** GitHub sends GUIDs. */
const DELIVERY_ID = /^[A-Za-z0-9-]{8,72}$/
/** GitHub delivers again for three days; a replay that comes later costs one look at a repository. */
const REMEMBERED_MS = 30 * 86_400_000

/** Writes deliveries down: the id, and that its repository is wanted. What changed is asked of GitHub, not of the payload. */
export function webhookIntake(session: Session): WebhookIntake {
  return {
    async accept(delivery) {
      const repositoryId = assertDelivery(delivery)
      if (repositoryId === undefined) return 'ignored'
      return session.write(async (db) => {
        const { deliveryId, event, receivedAt } = delivery
        const known = await db.selectFrom('catalog_repositories').select('id').where('id', '=', repositoryId).executeTakeFirst()
        if (!known) return 'ignored'
        const written = await db.insertInto('catalog_deliveries').values({ delivery_id: deliveryId, event, repository_id: repositoryId, received_at: receivedAt }).onConflict((c) => c.column('delivery_id').doNothing()).returning('delivery_id').executeTakeFirst()
        if (!written) return 'duplicate'
        await db.updateTable('catalog_repositories').set((eb) => ({ wanted_since: eb.fn.coalesce('wanted_since', eb.val(receivedAt)), wants: eb('wants', '+', 1) })).where('id', '=', repositoryId).execute()
        await db.deleteFrom('catalog_deliveries').where('received_at', '<', new Date(Date.parse(receivedAt) - REMEMBERED_MS).toISOString()).execute()
        return 'queued'
      })
    },
  }
}

/** The number of the repository; undefined for an event that is none of ours. @throws CatalystError DELIVERY_INVALID */
function assertDelivery({ deliveryId, event, payload, receivedAt }: Delivery): number | undefined {
  if (!DELIVERY_ID.test(deliveryId)) throw new CatalystError('DELIVERY_INVALID', 'the delivery has no id of GitHub’s shape')
  if (Number.isNaN(Date.parse(receivedAt))) throw new CatalystError('INTERNAL', 'a delivery without a time')
  if (!EVENTS.has(event)) return undefined
  const id = (payload as { repository?: { id?: unknown } } | null)?.repository?.id
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) throw new CatalystError('DELIVERY_INVALID', `the ${event} event names no repository`)
  return id
}
