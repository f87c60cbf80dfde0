import { digestOf, type Digest } from '../../schemas/digest.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import { NO_PERMISSIONS, type Permissions } from '../../schemas/permissions.ts'
import type { PlanSide } from '../../schemas/plan.ts'
import { allReferences } from '../../schemas/references.ts'
import type { InstallRecord } from '../ports.ts'
import type { DesiredPlugin } from './desired.ts'
import { stateDigest, type PluginState } from './state-digest.ts'

/** Digest of a config as written: references stay references, so no secret takes part. */
export function configDigest(config: Readonly<Record<string, unknown>>): Digest {
  return digestOf(config)
}

/**
 * The wanted state of one plugin as a plan shows it. `wanted` is absent when only dependents want the plugin, `values.now`
 * when what its references lead to is not known: it is then taken as it was recorded.
 */
export function wantedSide(block: LockBlock, wanted: DesiredPlugin | undefined, values: { readonly now?: string | undefined; readonly recorded?: string | undefined } = {}): PlanSide {
  const refers = allReferences(wanted?.config ?? {}).length > 0
  return side(block, {
    references: refers ? (values.now ?? values.recorded) : undefined,
    enabled: wanted?.enabled ?? true,
    configDigest: configDigest(wanted?.config ?? {}),
    grantDigest: digestOf(grantOf(wanted)),
  })
}

/** Nothing would change: not the plugin's state, nor a value that its config refers to. */
export function sameSide(a: PlanSide, b: PlanSide): boolean {
  return a.references === b.references && stateDigest(a) === stateDigest(b)
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

function side(block: LockBlock, state: Omit<PluginState, 'entryDigest'> & { readonly references?: string | undefined }): PlanSide {
  return {
    version: block.version,
    entryDigest: block.entryDigest,
    tree: block.tree,
    enabled: state.enabled,
    configDigest: state.configDigest as Digest,
    ...(state.references === undefined ? {} : { references: state.references }),
    grantDigest: state.grantDigest as Digest,
    signer: signerText(block),
    source: sourceText(block),
    permissions: block.permissions,
  }
}
