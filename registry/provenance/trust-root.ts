import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { digestOf, type Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'

/* Roots as data, and what names them. Loads none of Sigstore's libraries: a remembered verdict needs no more than this. */

/** How many of each kind of witness a signature must have under a trust root. */
export interface Thresholds {
  /** Entries of a transparency log. */
  readonly log: number
  /** Promises of a certificate log inside the signing certificate. */
  readonly certificateLog: number
  /** Times stated by a log or a timestamp authority. */
  readonly time: number
}

/** A trusted root before anything in it was looked at. `thresholds` is undefined for a private root: it demands what it has. */
export interface RootDocument {
  readonly name: string
  readonly json: unknown
  readonly thresholds: Thresholds | undefined
}

/** Everything of Sigstore's public instance is logged twice. */
const PUBLIC_GOOD: Thresholds = { log: 1, certificateLog: 1, time: 1 }

/** GitHub's own instance (private repositories, release attestations) has no logs: a timestamp authority alone states the time. */
const GITHUB: Thresholds = { log: 0, certificateLog: 0, time: 1 }

const PUBLIC_GOOD_MIRROR = 'https://tuf-repo-cdn.sigstore.dev'

/**
 * Finds a root by the name of its profile: the public good root that `@sigstore/tuf` ships, GitHub's root that lies beside
 * this file (see github-root.md for where it is from and when it must be renewed), or a file, relative to `baseDir`.
 * Nothing is fetched.
 * @throws CatalystError TRUST_ROOT_INVALID
 */
export async function findRoot(name: string, baseDir = '.'): Promise<RootDocument> {
  if (name === 'public-good') return { name, json: await publicGoodRoot(), thresholds: PUBLIC_GOOD }
  if (name === 'github') return { name, json: await githubRoot(), thresholds: GITHUB }
  return rootOfFile(name, resolve(baseDir, name))
}

async function publicGoodRoot(): Promise<unknown> {
  const { default: seeds } = await import('@sigstore/tuf/seeds.json', { with: { type: 'json' } })
  const encoded = (seeds as Readonly<Record<string, { readonly targets: Readonly<Record<string, string>> }>>)[PUBLIC_GOOD_MIRROR]?.targets['trusted_root.json']
  if (encoded === undefined) throw new CatalystError('TRUST_ROOT_INVALID', '@sigstore/tuf ships no root of the public good instance')
  return JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))
}

async function githubRoot(): Promise<unknown> {
  const { default: root } = await import('./github.trusted-root.json', { with: { type: 'json' } })
  return root
}

/** @throws CatalystError TRUST_ROOT_INVALID */
export function rootOfFile(name: string, file: string): RootDocument {
  const refuse = (why: string, cause?: unknown): CatalystError => new CatalystError('TRUST_ROOT_INVALID', `The trusted root "${name}" ${why}`, { place: { file }, cause })
  let text: string
  try {
    const { size } = statSync(file)
    if (size > LIMITS.trustedRootMaxBytes) throw refuse(`has ${size} bytes; the limit is ${LIMITS.trustedRootMaxBytes}`)
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw error instanceof CatalystError ? error : refuse(`cannot be read: ${(error as Error).message}`, error)
  }
  return rootOfText(name, text)
}

/** @throws CatalystError TRUST_ROOT_INVALID */
export function rootOfText(name: string, text: string): RootDocument {
  try {
    return { name, json: JSON.parse(text), thresholds: undefined }
  } catch (error) {
    throw new CatalystError('TRUST_ROOT_INVALID', `The trusted root "${name}" is not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** A private root demands of a signature every kind of witness that it has. */
export function thresholdsOf({ json, thresholds }: RootDocument): Thresholds {
  if (thresholds) return thresholds
  const { tlogs, ctlogs } = (json ?? {}) as { readonly tlogs?: unknown; readonly ctlogs?: unknown }
  const some = (list: unknown): number => (Array.isArray(list) && list.length > 0 ? 1 : 0)
  return { log: some(tlogs), certificateLog: some(ctlogs), time: 1 }
}

/** sha256 over the RFC 8785 JSON of root and thresholds: verdicts are remembered by it. @throws when the document holds what JSON cannot */
export function rootDigest(root: RootDocument): Digest {
  return digestOf({ root: root.json, thresholds: thresholdsOf(root) })
}
