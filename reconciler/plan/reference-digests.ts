import { keyedDigest } from '../../schemas/keyed-digest.ts'
import { allReferences, referenceText, type Reference } from '../../schemas/references.ts'
import type { DesiredState } from './desired.ts'

/** Every reference in the configs of plugins that are switched on, by plugin; those without any are left out. Pure. */
export function configReferences({ plugins }: DesiredState): ReadonlyMap<string, readonly Reference[]> {
  const found = plugins.filter((p) => p.enabled).map((p) => [p.id, allReferences(p.config).map(({ reference }) => reference)] as const)
  return new Map(found.filter(([, references]) => references.length > 0))
}

/**
 * Keyed digests of what the plugins' references lead to now. A plugin of which one value is missing has none: what is not
 * known is no change. Pure, as far as `valueOf` is.
 */
export function referenceDigests(desired: DesiredState, key: string, valueOf: (reference: Reference) => string | undefined): ReadonlyMap<string, string> {
  const digests = new Map<string, string>()
  for (const [id, references] of configReferences(desired)) {
    const values = references.map((reference) => [referenceText(reference), valueOf(reference) ?? null])
    if (values.every(([, value]) => value !== null)) digests.set(id, keyedDigest(key, id, values))
  }
  return digests
}
