import { bundleFromJSON } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify'
import type { Signer, VerifierOptions } from '@sigstore/verify'

/** What the real verifier says of a bundle: the signer, or it throws. It knows nothing of how our Sigstore writes. */
export function verified(bundle: unknown, trustedRoot: unknown, options: { artifact?: Buffer; thresholds?: VerifierOptions } = {}): Signer {
  const material = toTrustMaterial(TrustedRoot.fromJSON(trustedRoot))
  return new Verifier(material, options.thresholds ?? {}).verify(toSignedEntity(bundleFromJSON(bundle), options.artifact))
}

/** The text of Fulcio's extension 1.3.6.1.4.1.57264.1.N, with the DER header of a short UTF8String taken off. */
export function oidOf(signer: Signer, arc: number): string | undefined {
  const found = signer.identity?.oids?.find(({ oid }) => oid?.id.join('.') === `1.3.6.1.4.1.57264.1.${arc}`)
  const value = found && Buffer.from(found.value)
  if (!value) return undefined
  return arc < 8 ? value.toString() : value.subarray((value[1] ?? 0) < 0x80 ? 2 : 3).toString()
}
