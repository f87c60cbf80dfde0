import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { digestOf, type Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { materialOf, parseTrustedRoot, type Thresholds, type TrustedRoot, type TrustMaterial } from './sigstore.ts'

/**
 * What signatures are proven against: one root, how many witnesses it demands, and its name. Profiles are never merged and
 * never tried in turn: a source has exactly one.
 */
export interface TrustProfile {
  /** As written in plugins.yaml: `public-good`, `github`, or the path of a trusted root file. */
  readonly name: string
  readonly root: TrustedRoot
  readonly material: TrustMaterial
  readonly thresholds: Thresholds
  /** sha256 over the RFC 8785 JSON of root and thresholds: verdicts are remembered by it. */
  readonly digest: Digest
}

/** Everything of Sigstore's public instance is logged twice. */
const PUBLIC_GOOD: Thresholds = { log: 1, certificateLog: 1, time: 1 }

/** GitHub's own instance (private repositories, release attestations) has no logs: a timestamp authority alone states the time. */
const GITHUB: Thresholds = { log: 0, certificateLog: 0, time: 1 }

const PUBLIC_GOOD_MIRROR = 'https://tuf-repo-cdn.sigstore.dev'

/**
 * Loads a profile: the public good root that `@sigstore/tuf` ships, GitHub's root that lies beside this file (see
 * github-root.md for where it is from and when it must be renewed), or a file, relative to `baseDir`.
 * Nothing is fetched.
 * @throws CatalystError TRUST_ROOT_INVALID
 */
export async function loadProfile(name: string, baseDir = '.'): Promise<TrustProfile> {
  if (name === 'public-good') return profileOf(name, await publicGoodRoot(), PUBLIC_GOOD)
  if (name === 'github') return profileOf(name, await githubRoot(), GITHUB)
  return profileOfFile(name, resolve(baseDir, name))
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
export function profileOfFile(name: string, file: string): TrustProfile {
  const refuse = (why: string, cause?: unknown): CatalystError => new CatalystError('TRUST_ROOT_INVALID', `The trusted root "${name}" ${why}`, { place: { file }, cause })
  let text: string
  try {
    const { size } = statSync(file)
    if (size > LIMITS.trustedRootMaxBytes) throw refuse(`has ${size} bytes; the limit is ${LIMITS.trustedRootMaxBytes}`)
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw error instanceof CatalystError ? error : refuse(`cannot be read: ${(error as Error).message}`, error)
  }
  return profileOfText(name, text)
}

/** @throws CatalystError TRUST_ROOT_INVALID */
export function profileOfText(name: string, text: string): TrustProfile {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new CatalystError('TRUST_ROOT_INVALID', `The trusted root "${name}" is not JSON: ${(error as Error).message}`, { cause: error })
  }
  return profileOf(name, json)
}

/** A private root demands of a signature every kind of witness that it has. */
function ownThresholds(root: TrustedRoot): Thresholds {
  return { log: Math.min(1, root.tlogs.length), certificateLog: Math.min(1, root.ctlogs.length), time: 1 }
}

function profileOf(name: string, json: unknown, fixed?: Thresholds): TrustProfile {
  const refuse = (why: string, cause?: unknown): CatalystError => new CatalystError('TRUST_ROOT_INVALID', `The trusted root "${name}" ${why}`, { cause })
  try {
    const root = parseTrustedRoot(json)
    const problems = [...memberProblems(json), ...rootProblems(root)]
    if (problems.length > 0) throw refuse(`is not complete: ${problems.join('; ')}`)
    const thresholds = fixed ?? ownThresholds(root)
    return { name, root, material: materialOf(root), thresholds, digest: digestOf({ root: json, thresholds }) }
  } catch (error) {
    throw error instanceof CatalystError ? error : refuse(`cannot be used: ${(error as Error).message}`, error)
  }
}

const MEMBERS = ['tlogs', 'ctlogs', 'certificateAuthorities', 'timestampAuthorities']

/** The library reads a misspelt or wrongly made list as an empty one, and a root without logs demands none. */
function memberProblems(json: unknown): string[] {
  return Object.entries(json as Record<string, unknown>).flatMap(([name, value]) => {
    if (name === 'mediaType') return []
    if (!MEMBERS.includes(name)) return [`"${name}" is not a member of a trusted root`]
    return Array.isArray(value) ? [] : [`${name} is not a list`]
  })
}

/** Media types of sigstore_trustroot.proto. */
const MEDIA_TYPE = /^application\/vnd\.dev\.sigstore\.trustedroot(\+json;version=0\.[12]|\.v0\.[1-9]\+json)$/

/** All that is wrong. The library takes a missing start for the beginning of time, and then a key is good for ever. */
function rootProblems(root: TrustedRoot): string[] {
  const logs = [...root.tlogs.map((log, i) => ({ log, name: `tlogs[${i}]` })), ...root.ctlogs.map((log, i) => ({ log, name: `ctlogs[${i}]` }))]
  const authorities = [
    ...root.certificateAuthorities.map((authority, i) => ({ authority, name: `certificateAuthorities[${i}]` })),
    ...root.timestampAuthorities.map((authority, i) => ({ authority, name: `timestampAuthorities[${i}]` })),
  ]
  return [
    ...(MEDIA_TYPE.test(root.mediaType) ? [] : [`its mediaType is "${root.mediaType}"`]),
    ...logs.flatMap(({ log, name }) => [
      ...spanProblems(log.publicKey?.validFor, `${name}.publicKey.validFor`),
      ...(log.publicKey?.rawBytes?.length ? [] : [`${name} has no public key`]),
      ...(log.logId?.keyId.length || log.checkpointKeyId?.keyId.length ? [] : [`${name} has no log id`]),
    ]),
    ...authorities.flatMap(({ authority, name }) => [...spanProblems(authority.validFor, `${name}.validFor`), ...(authority.certChain?.certificates.length ? [] : [`${name} has no certificates`])]),
  ]
}

function spanProblems(span: { readonly start?: Date | undefined; readonly end?: Date | undefined } | undefined, name: string): string[] {
  if (span?.start === undefined) return [`${name} has no start`]
  if (Number.isNaN(span.start.getTime())) return [`${name}.start is not a time`]
  if (span.end === undefined) return []
  if (Number.isNaN(span.end.getTime())) return [`${name}.end is not a time`]
  return span.end < span.start ? [`${name} ends before it starts`] : []
}
