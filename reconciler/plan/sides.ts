import { digestOf, type Digest } from '../../schemas/digest.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import { NO_PERMISSIONS, type Permissions } from '../../schemas/permissions.ts'
import type { PlanSide } from '../../schemas/plan.ts'
import type { InstallRecord } from '../ports.ts'
import type { DesiredPlugin } from './desired.ts'
import type { PluginState } from './state-digest.ts'

/** Digest of a config as written: references stay references, so no secret takes part. */
export function configDigest(config: Readonly<Record<string, unknown>>): Digest {
  return digestOf(config)
}

/** The wanted state of one plugin as a plan shows it. `wanted` is absent when only dependents want the plugin. */
export function wantedSide(block: LockBlock, wanted: DesiredPlugin | undefined): PlanSide {
  return side(block, {
    enabled: wanted?.enabled ?? true,
    configDigest: configDigest(wanted?.config ?? {}),
    grantDigest: digestOf(grantOf(wanted)),
  })
}

/** The installed state of one plugin as a plan shows it. */
export function installedSide(record: InstallRecord): PlanSide {
  return side(record.block, record)
}

/** The grant in force: nothing, unless the operator wrote some. */
export function grantOf(wanted: DesiredPlugin | undefined): Permissions {
  return wanted?.grant ?? NO_PERMISSIONS
}

/** Who signed, in one line for people. */
export function signerText(block: LockBlock): string {
  if (block.signer.kind === 'unsigned') return 'unsigned'
  const by = block.signer.reusable ? ` via ${block.signer.reusable.repository}/${block.signer.reusable.path}` : ''
  return `${block.repository.url} ${block.signer.workflow}${by} (${block.signer.profile})`
}

/** Where the package comes from, in one line for people. */
export function sourceText(block: LockBlock): string {
  return block.registry ?? block.source ?? block.repository.url
}

function side(block: LockBlock, state: Omit<PluginState, 'entryDigest'>): PlanSide {
  return {
    version: block.version,
    entryDigest: block.entryDigest,
    tree: block.tree,
    enabled: state.enabled,
    configDigest: state.configDigest as Digest,
    grantDigest: state.grantDigest as Digest,
    signer: signerText(block),
    source: sourceText(block),
    permissions: block.permissions,
  }
}
