import { GITHUB_ACTIONS_ISSUER, type SignerRule } from '../../schemas/common.ts'
import { canonicalJson } from '../../schemas/digest.ts'
import type { LockBlock, LockedSigner } from '../../schemas/lock.ts'
import type { DesiredPlugin, DesiredState } from './desired.ts'

/**
 * Why plugins.yaml does not trust a locked release as it was signed, undefined when it does: an unsigned one whose digest
 * it does not allow (any more), another signer or trust profile than it names. What was proven under the words of then
 * must be proven again when the words change. Pure.
 */
export function distrusted(block: LockBlock, plugin: DesiredPlugin | undefined, desired: DesiredState): string | undefined {
  const { signer } = block
  if (signer.kind === 'unsigned') {
    if (plugin?.unsigned === block.artifact.sha256) return undefined
    return `the lock takes ${block.version} unsigned, plugins.yaml allows ${plugin?.unsigned ?? 'no unsigned package'}`
  }
  const profile = profileFor(block, plugin, desired)
  if (profile !== undefined && profile !== signer.profile) return `${block.version} was proven under ${signer.profile}, plugins.yaml says ${profile}`
  const rule = block.source === undefined ? undefined : plugin?.signer
  return rule && !obeys(signer, block.tag, rule) ? `${block.version} was signed by ${signer.workflow} at ${signer.ref}, which is not the signer that plugins.yaml names` : undefined
}

function profileFor({ source, registry }: LockBlock, plugin: DesiredPlugin | undefined, { registries }: DesiredState): string | undefined {
  if (source === undefined) return registries.find(({ name }) => name === registry)?.profile
  return plugin && (plugin.profile ?? 'public-good')
}

function obeys(signer: Extract<LockedSigner, { kind: 'provenance' }>, tag: string, { workflow, issuer = GITHUB_ACTIONS_ISSUER, refs = [], reusable }: SignerRule): boolean {
  const sameWorkflow = signer.workflow === workflow && signer.issuer === issuer && canonicalJson(signer.reusable ?? null) === canonicalJson(reusable ?? null)
  return sameWorkflow && [`refs/tags/${tag}`, ...refs].includes(signer.ref)
}
