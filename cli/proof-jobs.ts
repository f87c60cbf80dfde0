import { setImmediate } from 'node:timers/promises'
import type { Digest } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import type { Judge } from '../validator/judge.ts'
import type { InspectedPackage, ProofRequest, Verifier, Proof } from '../reconciler/ports.ts'
import { openInspections, type Inspections } from './inspections.ts'

/** The work on one release that costs processor time. Plain data in, plain data out: a thread can do it. `prepare` loads what the first of these would have to load. */
export type ProofJob =
  | { readonly kind: 'prepare'; readonly work: 'verify' | 'inspect' }
  | { readonly kind: 'verify'; readonly request: ProofRequest }
  | { readonly kind: 'observe'; readonly request: Omit<ProofRequest, 'authority'> & { readonly profile: string } }
  | { readonly kind: 'inspect'; readonly archive: Uint8Array; readonly file: string }
  | { readonly kind: 'unpack'; readonly archive: Uint8Array; readonly tree: Digest; readonly target: string }
  | { readonly kind: 'damage'; readonly target: string; readonly tree: Digest }

export interface ProofJobSettings {
  /** Folder that paths of trusted roots are relative to. */
  readonly baseDir: string
  /** Where this user's verdicts are remembered. */
  readonly verdictsDir: string
  /** How far the clock is set off from the machine's; only a test sets it. */
  readonly clockOffsetMs: number
}

/** Settings, and where and for which code inspections are remembered (see `openInspections`). */
export interface ProofJobStart extends ProofJobSettings {
  readonly inspectionsDir: string
  readonly code: string | undefined
}

/** Does jobs in the thread that it is made in. */
export interface ProofJobs {
  run(job: ProofJob): Promise<unknown>
  close(): void
}

/** Each kind of job loads what it needs when it is first asked for: `apply` unpacks without the validator, `lock` inspects without unpacking. */
export function proofJobs(settings: ProofJobStart): ProofJobs {
  let verifier: Promise<Verifier> | undefined
  let judge: Promise<Judge> | undefined
  const inspections = openInspections(settings.inspectionsDir, settings.code)
  const proving = (): Promise<Verifier> => (verifier ??= openVerifier(settings))
  const run = async (job: ProofJob): Promise<InspectedPackage | Proof | readonly string[] | undefined> => {
    switch (job.kind) {
      case 'prepare':
        return prepared(job.work === 'verify' ? [proving(), import('../registry/provenance/verify-release.ts'), import('../registry/provenance/trust-profile.ts')] : [(judge ??= openJudge()).then((j) => j.prepare()), import('./inspect.ts')])
      case 'verify':
        return (await proving()).verify(job.request)
      case 'observe':
        return (await proving()).observe(job.request)
      case 'inspect':
        return inspected(job, await (judge ??= openJudge()), inspections)
      case 'unpack':
        return unpack(job)
      case 'damage':
        return damage(job)
    }
  }
  return { run, close: () => void judge?.then((j) => j.close()) }
}

async function prepared(loading: readonly Promise<unknown>[]): Promise<undefined> {
  await Promise.all(loading)
}

async function openVerifier({ baseDir, verdictsDir, clockOffsetMs }: ProofJobSettings): Promise<Verifier> {
  const [{ createVerifier }, { openVerdicts }] = await Promise.all([import('../registry/provenance/verifier.ts'), import('../registry/provenance/verdicts.ts')])
  return createVerifier({ baseDir, verdicts: openVerdicts(verdictsDir), now: () => Date.now() + clockOffsetMs })
}

async function openJudge(): Promise<Judge> {
  const judges = await import('../validator/judge.ts')
  return judges.openJudge()
}

async function inspected({ archive, file }: Extract<ProofJob, { kind: 'inspect' }>, judge: Judge, inspections: Inspections): Promise<InspectedPackage> {
  const { inspect } = await import('./inspect.ts')
  const answer = await inspect(archive, file, judge)
  inspections.remember(archive, file, answer)
  return answer
}

/** Everything about it is here already and written at once; between two of them others get their turn: progress, a signal to stop, what children answer. */
async function unpack({ archive, tree, target }: Extract<ProofJob, { kind: 'unpack' }>): Promise<undefined> {
  await setImmediate()
  const [{ readPackage }, { unpackTo }] = await Promise.all([import('../registry/archive/package-tree.ts'), import('../registry/archive/unpack.ts')])
  const read = readPackage(archive)
  if (read.treeDigest !== tree) throw new CatalystError('TREE_MISMATCH', `the package holds tree ${read.treeDigest}, the lock says ${tree}`)
  unpackTo(read, target)
  return undefined
}

async function damage({ target, tree }: Extract<ProofJob, { kind: 'damage' }>): Promise<readonly string[]> {
  const { verifyTree } = await import('../registry/archive/verify-tree.ts')
  const found = verifyTree(target, tree)
  if (found.whole) return []
  const files = [...found.altered, ...found.missing.map((f) => `${f} (missing)`), ...found.extra.map((f) => `${f} (not in the release)`)]
  return files.length > 0 ? files : ['files differ from the release']
}
