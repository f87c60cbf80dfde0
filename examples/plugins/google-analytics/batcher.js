/** The most events that one request of the Measurement Protocol takes. */
const MAX_EVENTS = 25

/**
 * Collects the events of one visitor while the host hands them over, and sends up to 25 in one request. Each caller hears
 * whether *its* batch arrived.
 *
 * @template E
 * @param {(clientId: string, events: readonly E[]) => Promise<void>} send
 * @returns {(clientId: string, event: E) => Promise<void>}
 */
export function batcher(send) {
  /** @type {Map<string, { events: E[], sent: Promise<void> }>} */
  const open = new Map()

  /** @param {string} clientId @param {E[]} events */
  const close = async (clientId, events) => {
    await turn()
    if (open.get(clientId)?.events === events) open.delete(clientId)
    await send(clientId, events)
  }

  /** @param {string} clientId */
  const start = (clientId) => {
    /** @type {E[]} */
    const events = []
    const batch = { events, sent: close(clientId, events) }
    open.set(clientId, batch)
    return batch
  }

  return (clientId, event) => {
    const waiting = open.get(clientId)
    const batch = waiting !== undefined && waiting.events.length < MAX_EVENTS ? waiting : start(clientId)
    batch.events.push(event)
    return batch.sent
  }
}

/** Until everything that has arrived by now has been handed over. */
function turn() {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
