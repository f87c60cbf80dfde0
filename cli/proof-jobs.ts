import { sha256, digestOf, type Digest } from '../schemas/digest.ts'
import { CatalystError, type ErrorCode, type Place, type Problem } from '../schemas/errors.ts'
import { readManifest } from '../schemas/manifest-file.ts'
import { readPackage, type PackageTree } from '../registry/archive/package-tree.ts'
import { unpackTo } from '../registry/archive/unpack.ts'
import { verifyTree } from '../registry/archive/verify-tree.ts'
import { migrationsOf } from '../validator/migrations.ts'
import { openJudge, type Judge } from '../validator/judge.ts'
import { createVerifier } from '../registry/provenance/verifier.ts'
import { openVerdicts } from '../registry/provenance/verdicts.ts'
import type { InspectedPackage, ProofRequest, Verifier, Proof } from '../reconciler/ports.ts'

/** The work on one release that costs processor time. Plain data in, plain data out: a thread can do it. */
export type ProofJob =
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

/** Does jobs in the thread that it is made in. */
export interface ProofJobs {
  run(job: ProofJob): Promise<unknown>
  close(): void
}

export function proofJobs(settings: ProofJobSettings): ProofJobs {
  let verifier: Verifier | undefined
  let judge: Judge | undefined
  const proving = (): Verifier => (verifier ??= createVerifier({ baseDir: settings.baseDir, verdicts: openVerdicts(settings.verdictsDir), now: () => Date.now() + settings.clockOffsetMs }))
  const run = async (job: ProofJob): Promise<InspectedPackage | Proof | readonly string[] | undefined> => {
    switch (job.kind) {
      case 'verify':
        return proving().verify(job.request)
      case 'observe':
        return proving().observe(job.request)
      case 'inspect':
        return inspect(job.archive, job.file, (judge ??= openJudge()))
      case 'unpack':
        return unpack(job)
      case 'damage':
        return damage(job)
    }
  }
  return { run, close: () => void judge?.close() }
}

async function inspect(archive: Uint8Array, file: string, judge: Judge): Promise<InspectedPackage> {
  const tree = readPackage(archive)
  const bytes = tree.read('manifest.json')
  if (!bytes) throw new CatalystError('MANIFEST_MISSING', `${file} has no package/manifest.json`)
  const manifest = readManifest(bytes, `${file}/manifest.json`)
  const files = { files: tree.files, read: (path: string) => tree.read(path) ?? new Uint8Array(), manifest }
  return {
    treeDigest: tree.treeDigest,
    manifest,
    manifestDigest: sha256(bytes),
    configSchema: manifest.config === undefined ? undefined : digestOf(manifest.config),
    migrations: migrationsOf(files),
    findings: await judge.validate(files),
  }
}

function unpack({ archive, tree, target }: Extract<ProofJob, { kind: 'unpack' }>): undefined {
  const read: PackageTree = readPackage(archive)
  if (read.treeDigest !== tree) throw new CatalystError('TREE_MISMATCH', `the package holds tree ${read.treeDigest}, the lock says ${tree}`)
  unpackTo(read, target)
  return undefined
}

function damage({ target, tree }: Extract<ProofJob, { kind: 'damage' }>): readonly string[] {
  const found = verifyTree(target, tree)
  if (found.whole) return []
  const files = [...found.altered, ...found.missing.map((f) => `${f} (missing)`), ...found.extra.map((f) => `${f} (not in the release)`)]
  return files.length > 0 ? files : ['files differ from the release']
}

/** An error as data, for the way from one thread to another. */
export interface ErrorData {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  readonly place: Place | undefined
  readonly problems: readonly Problem[]
}

export function errorData(error: unknown): ErrorData {
  const known = error instanceof CatalystError ? error : new CatalystError('INTERNAL', error instanceof Error ? (error.stack ?? error.message) : String(error))
  const { code, message, hint, place, problems } = known
  return { code, message, hint, place, problems }
}

export function errorFrom({ code, message, hint, place, problems }: ErrorData): CatalystError {
  return new CatalystError(code, message, { hint, place, problems })
}
