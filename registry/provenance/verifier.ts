import { sha256 } from '../../schemas/digest.ts'
import type { Proof, ProofRequest, Verifier } from '../../reconciler/ports.ts'
import { assertNotFromTheFuture } from './signature.ts'
import { loadProfile, type TrustProfile } from './trust-profile.ts'
import type { Verdicts } from './verdicts.ts'
import { observeSigner, verifyRelease, type Verified } from './verify-release.ts'

export interface VerifierOptions {
  /** Folder that paths of trusted root files are relative to: that of plugins.yaml. */
  readonly baseDir: string
  readonly verdicts?: Verdicts | undefined
  /** The clock. Epoch milliseconds. */
  readonly now: () => number
}

/** The port's verifier: each profile is loaded once, each verdict reached once. Nothing is fetched. */
export function createVerifier(options: VerifierOptions): Verifier {
  const profiles = new Map<string, Promise<TrustProfile>>()
  const profileOf = (name: string): Promise<TrustProfile> => {
    const known = profiles.get(name) ?? loadProfile(name, options.baseDir)
    profiles.set(name, known)
    return known
  }
  return {
    async verify(request) {
      const profile = await profileOf(request.authority.profile)
      return withoutVerdict(verifyOnce(request, profile, options))
    },
    async observe({ artifactDigest, bundle, profile }) {
      return withoutVerdict(observeSigner({ artifactDigest, bundle, profile: await profileOf(profile), now: options.now() }))
    },
  }
}

function verifyOnce({ artifactDigest, bundle, authority, tag, commit }: ProofRequest, profile: TrustProfile, { verdicts, now }: VerifierOptions): Verified {
  const expected = { authority, tag, commit }
  const question = { artifactDigest, bundleDigest: sha256(bundle), expected, profileDigest: profile.digest }
  const remembered = verdicts?.recall(question)
  if (remembered) {
    assertNotFromTheFuture(new Date(remembered.publishedAt), now())
    return remembered
  }
  const verdict = verifyRelease({ artifactDigest, bundle, profile, now: now() }, expected)
  verdicts?.remember(question, verdict)
  return verdict
}

/** The port's shape: what is left out here is for those who call the functions themselves. */
function withoutVerdict({ signer, repository, commit, publishedAt }: Proof): Proof {
  return { signer, repository, commit, publishedAt }
}
