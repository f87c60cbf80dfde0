import { sha256, type Digest } from '../../schemas/digest.ts'
import type { Proof, ProofRequest, Verifier } from '../../reconciler/ports.ts'
import { assertNotFromTheFuture } from './signing-time.ts'
import { findRoot, rootDigest } from './trust-root.ts'
import type { TrustProfile } from './trust-profile.ts'
import type { Verdicts } from './verdicts.ts'

export interface VerifierOptions {
  /** Folder that paths of trusted root files are relative to: that of plugins.yaml. */
  readonly baseDir: string
  readonly verdicts?: Verdicts | undefined
  /** The clock. Epoch milliseconds. */
  readonly now: () => number
}

/**
 * The port's verifier: each profile is loaded once, each verdict reached once. Nothing is fetched. Sigstore's libraries are
 * loaded with the first release that is not remembered.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const recall = createRecall(options)
  const profiles = new Map<string, Promise<TrustProfile>>()
  const profileOf = (name: string): Promise<TrustProfile> => {
    const known = profiles.get(name) ?? import('./trust-profile.ts').then(({ loadProfile }) => loadProfile(name, options.baseDir))
    profiles.set(name, known)
    return known
  }
  return {
    async verify(request) {
      const remembered = await recall(request)
      if (remembered) return remembered
      const [{ verifyRelease }, profile] = await Promise.all([import('./verify-release.ts'), profileOf(request.authority.profile)])
      const { artifactDigest, bundle, authority, tag, commit } = request
      const verdict = verifyRelease({ artifactDigest, bundle, profile, now: options.now() }, { authority, tag, commit })
      options.verdicts?.remember(questionOf(request, profile.digest), verdict)
      return withoutVerdict(verdict)
    },
    async observe({ artifactDigest, bundle, profile }) {
      const [{ observeSigner }, loaded] = await Promise.all([import('./verify-release.ts'), profileOf(profile)])
      return withoutVerdict(observeSigner({ artifactDigest, bundle, profile: loaded, now: options.now() }))
    },
  }
}

/**
 * Answers from memory: what this user proved before, under the same root, of the same bytes. Loads no cryptography.
 * Undefined when it must be proven. @throws CatalystError CLOCK_SKEW, TRUST_ROOT_INVALID
 */
export function createRecall({ baseDir, verdicts, now }: VerifierOptions): (request: ProofRequest) => Promise<Proof | undefined> {
  const digests = new Map<string, Promise<Digest>>()
  const digestOf = (name: string): Promise<Digest> => {
    const known = digests.get(name) ?? findRoot(name, baseDir).then(rootDigest)
    digests.set(name, known)
    return known
  }
  return async (request) => {
    if (!verdicts || verdicts.unfit !== undefined) return undefined
    const remembered = verdicts.recall(questionOf(request, await digestOf(request.authority.profile)))
    if (!remembered) return undefined
    assertNotFromTheFuture(new Date(remembered.publishedAt), now())
    return withoutVerdict(remembered)
  }
}

function questionOf({ artifactDigest, bundle, authority, tag, commit }: ProofRequest, profileDigest: Digest) {
  return { artifactDigest, bundleDigest: sha256(bundle), expected: { authority, tag, commit }, profileDigest }
}

/** The port's shape: what is left out here is for those who call the functions themselves. */
function withoutVerdict({ signer, repository, commit, publishedAt }: Proof): Proof {
  return { signer, repository, commit, publishedAt }
}
