import pLimit from 'p-limit'

/**
 * Runs `work` for all items, at most `limit` at a time, and gives the results in the order of the items. A failure is
 * thrown once everything that was begun has ended, so that nothing goes on unseen after the lease was given back.
 */
export async function bounded<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const run = pLimit(limit)
  const ended = await Promise.allSettled(items.map((item) => run(() => work(item))))
  return ended.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
