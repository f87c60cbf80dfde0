import { GITHUB_ACTIONS_ISSUER, type RepositoryRef, type ReusableWorkflow } from './common.ts'
import type { RegistryEntry } from './registry-entry.ts'

/** Who must have signed a release, told by an authority outside the lock: the registry's entry or `signer:` in plugins.yaml. */
export interface Authority {
  /** `public-good`, `github`, or the path of a trusted root file. */
  readonly profile: string
  readonly issuer: string
  /** The repositories that may publish; a release must come from one of them. */
  readonly repositories: readonly (RepositoryRef & { readonly until?: string | undefined })[]
  readonly workflow: string
  /** Refs accepted besides the tag of the version; then the commit must equal the tag's. */
  readonly refs: readonly string[]
  readonly reusable?: ReusableWorkflow | undefined
}

/** Who may sign a plugin of a registry: what its reviewed entry says, under the registry's one trust profile. Pure. */
export function authorityOfEntry(entry: RegistryEntry, profile: string): Authority {
  return {
    profile,
    issuer: entry.signer.issuer ?? GITHUB_ACTIONS_ISSUER,
    repositories: entry.repositories,
    workflow: entry.signer.workflow,
    refs: entry.signer.refs ?? [],
    reusable: entry.signer.reusable,
  }
}
