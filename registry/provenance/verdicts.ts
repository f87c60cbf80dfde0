import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, hexOf, type Digest } from '../../schemas/digest.ts'
import { LIMITS } from '../../schemas/limits.ts'
import type { Expected } from './identity.ts'
import type { Verified } from './verify-release.ts'

/** Everything that a verdict depends on. Another byte in any of it is another verdict. */
export interface VerdictQuestion {
  readonly artifactDigest: Digest
  readonly bundleDigest: Digest
  readonly expected: Expected
  readonly profileDigest: Digest
}

/**
 * Verdicts that this user has reached before: proving a bundle again takes 5 to 13 ms, reading a verdict a tenth of one.
 * Only `verified` is remembered. The folder is one user's own, never shared and never cached by CI: whoever can write
 * in it can make anything verified.
 */
export interface Verdicts {
  /** Why nothing is remembered, for a warning; undefined when the folder is fit. */
  readonly unfit: string | undefined
  /** Undefined when there is no verdict, or none that can be read: then it is proven again. */
  recall(question: VerdictQuestion): Verified | undefined
  /** Remembers as well as it can: a full disk is no reason to refuse a release. */
  remember(question: VerdictQuestion, verdict: Verified): void
}

/** Raise it when a release is judged by other rules than before: older verdicts are then forgotten. */
const RULES = 1

/** Opens (and makes, mode 0700) the folder. A folder that others own or may write in is left alone and nothing is remembered. */
export function openVerdicts(folder: string): Verdicts {
  const unfit = prepare(folder)
  if (unfit !== undefined) return { unfit, recall: () => undefined, remember: () => undefined }
  return { unfit, recall: (question) => recall(folder, question), remember: (question, verdict) => remember(folder, question, verdict) }
}

function prepare(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const found = lstatSync(folder)
    if (!found.isDirectory()) return `"${folder}" is not a folder`
    if (process.getuid && found.uid !== process.getuid()) return `"${folder}" belongs to another user`
    if (found.mode & 0o022) return `others may write in "${folder}"`
    return undefined
  } catch (error) {
    return `"${folder}" cannot be used: ${(error as Error).message}`
  }
}

interface Remembered {
  readonly question: Digest
  readonly verdict: Verified
}

function keyOf(question: VerdictQuestion): Digest {
  return digestOf({ rules: RULES, ...question })
}

function recall(folder: string, question: VerdictQuestion): Verified | undefined {
  const key = keyOf(question)
  try {
    const file = join(folder, `${hexOf(key)}.json`)
    const found = lstatSync(file)
    const ours = found.isFile() && (found.mode & 0o022) === 0 && (!process.getuid || found.uid === process.getuid())
    if (!ours || found.size > LIMITS.entryMaxBytes) return undefined
    const remembered: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isRemembered(remembered) && remembered.question === key && answers(remembered.verdict, question) ? remembered.verdict : undefined
  } catch {
    return undefined
  }
}

function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== 'object' || value === null) return false
  const { question, verdict } = value as { question?: unknown; verdict?: Partial<Verified> | null }
  return typeof question === 'string' && verdict?.verdict === 'verified' && typeof verdict.publishedAt === 'string' && typeof verdict.subject === 'string' && verdict.signer?.kind === 'provenance'
}

/** A torn or mixed-up file must not answer for another signer: what is remembered has to agree with what is asked. */
function answers({ signer, repository, commit, publishedAt }: Verified, { expected }: VerdictQuestion): boolean {
  const { authority } = expected
  return (
    commit === expected.commit &&
    signer.issuer === authority.issuer &&
    signer.workflow === authority.workflow &&
    [`refs/tags/${expected.tag}`, ...authority.refs].includes(signer.ref) &&
    authority.repositories.some((r) => r.url === repository.url && r.id === repository.id && r.ownerId === repository.ownerId) &&
    !Number.isNaN(Date.parse(publishedAt))
  )
}

function remember(folder: string, question: VerdictQuestion, verdict: Verified): void {
  const key = keyOf(question)
  const temporary = join(folder, `.${randomBytes(8).toString('hex')}`)
  try {
    writeFileSync(temporary, JSON.stringify({ question: key, verdict } satisfies Remembered), { flag: 'wx', mode: 0o600 })
    renameSync(temporary, join(folder, `${hexOf(key)}.json`))
  } catch {
    rmSync(temporary, { force: true })
  }
}
