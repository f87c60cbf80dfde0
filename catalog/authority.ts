import type { Authority } from '../reconciler/ports.ts'
import { GITHUB_ACTIONS_ISSUER } from '../schemas/common.ts'
import type { RegistryEntry } from '../schemas/registry-entry.ts'

/** Who must have signed what an entry lists, under one trust profile. */
export function authorityOf(entry: RegistryEntry, profile: string): Authority {
  const { issuer = GITHUB_ACTIONS_ISSUER, workflow, refs = [], reusable } = entry.signer
  return { profile, issuer, workflow, refs, reusable, repositories: entry.repositories }
}
