import type { Fence, Inventory, Migration } from '../data-ports.ts'
import type { ErrorCode } from '../../schemas/errors.ts'

/** What the child is asked to do with the database at `path`, in one transaction under the fence. */
export type Job = { readonly path: string; readonly plugin: string; readonly fence: Fence; readonly growthBytes: number } & (
  | { readonly kind: 'migrate'; readonly migration: Migration }
  | { readonly kind: 'revert'; readonly id: string }
  | { readonly kind: 'drop' }
)

/** What the child says, once, as JSON, when the transaction has ended. */
export type Answer =
  | { readonly kind: 'done'; readonly inventory?: Inventory }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string; readonly hint: string; readonly file?: string; readonly line?: number }
