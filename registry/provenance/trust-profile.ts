import type { Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { materialOf, parseTrustedRoot, type TrustedRoot, type TrustMaterial } from './sigstore.ts'
import { findRoot, rootDigest, rootOfFile, rootOfText, thresholdsOf, type RootDocument, type Thresholds } from './trust-root.ts'

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

/** Loads a profile; see `findRoot`. @throws CatalystError TRUST_ROOT_INVALID */
export async function loadProfile(name: string, baseDir = '.'): Promise<TrustProfile> {
  return profileOf(await findRoot(name, baseDir))
}

/** @throws CatalystError TRUST_ROOT_INVALID */
export function profileOfFile(name: string, file: string): TrustProfile {
  return profileOf(rootOfFile(name, file))
}

/** @throws CatalystError TRUST_ROOT_INVALID */
export function profileOfText(name: string, text: string): TrustProfile {
  return profileOf(rootOfText(name, text))
}

/** Reads a root that was found, and refuses one that lacks what it must have. @throws CatalystError TRUST_ROOT_INVALID */
export function profileOf(document: RootDocument): TrustProfile {
  const { name, json } = document
  const refuse = (why: string, cause?: unknown): CatalystError => new CatalystError('TRUST_ROOT_INVALID', `The trusted root "${name}" ${why}`, { cause })
  try {
    const root = parseTrustedRoot(json)
    const problems = [...memberProblems(json), ...rootProblems(root)]
    if (problems.length > 0) throw refuse(`is not complete: ${problems.join('; ')}`)
    return { name, root, material: materialOf(root), thresholds: thresholdsOf(document), digest: rootDigest(document) }
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
