import type { InstallRecord } from '../ports.ts'

/** What the audit says of a record: digests, no values. */
export function sideOf(record: InstallRecord | undefined): Readonly<Record<string, unknown>> | null {
  if (!record) return null
  const { block, enabled, configDigest, grantDigest } = record
  return { version: block.version, entry: block.entryDigest, tree: block.tree, signer: block.signer, enabled, config: configDigest, grant: grantDigest }
}
