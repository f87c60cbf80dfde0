import { vi } from 'vitest'

/** Waits until an assertion about another process or connection holds. The limit is for what will never hold: a loaded machine takes its time. */
export function eventually<T>(assertion: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(assertion, { timeout: 120_000, interval: 20 })
}
