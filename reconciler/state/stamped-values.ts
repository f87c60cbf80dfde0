import type { Reference } from '../../schemas/references.ts'

/** What a stamp says of the values that plugins.yaml refers to: where they are, and a keyed digest of what they were. */
export interface StampedValues {
  readonly of: readonly Reference[]
  readonly digest: string
}

/** The digest of values for a stamp; a missing one counts too. Loads no hashing before it is called. */
export function stampValues(key: string, of: readonly Reference[], valueOf: (reference: Reference) => string | undefined): StampedValues {
  const { createHmac } = process.getBuiltinModule('node:crypto')
  const values = of.map((reference) => [reference.kind, reference.name, valueOf(reference) ?? null])
  return { of, digest: createHmac('sha256', Buffer.from(key, 'hex')).update(JSON.stringify(['stamp', values])).digest('hex') }
}
