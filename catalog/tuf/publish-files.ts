import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CatalystError } from '../../schemas/errors.ts'
import { writeWhole } from '../write-file.ts'
import { PUBLISHED } from './layout.ts'
import { bytesOfEnvelope, envelope, type Envelope, type MetaFile, type RoleKeys, type Signed, type Signer, type TargetInfo } from './metadata.ts'
import { isThere } from './published.ts'
import { targetInfo } from './targets.ts'

/** A file that was written, what the snapshot must say of it, and files that nobody needs once it is published. */
export interface Written {
  readonly path: string
  readonly meta?: readonly [string, MetaFile]
  readonly replaces?: readonly string[]
}

/** Signs with every key of the role that is at hand. @throws CatalystError KEY_INVALID when those are too few */
export function signedBy<S extends Signed>(signed: S, signers: readonly Signer[], role: RoleKeys): Envelope<S> {
  const mine = signers.filter(({ keyid }) => role.keyids.includes(keyid))
  if (mine.length < role.threshold) {
    throw new CatalystError('KEY_INVALID', `${mine.length} of the keys at hand may sign this ${signed._type}, and ${role.threshold} must`, { hint: 'Name the file with the online keys: `--key FILE`. `catalyst registry keys show` tells who may sign what.' })
  }
  return envelope(signed, mine)
}

/** Writes metadata under its version, or `timestamp.json`. `before` is the version that it replaces. */
export async function metadataFile(folder: string, role: string, data: Envelope<Signed>, before?: number): Promise<Written> {
  if (role === PUBLISHED.timestamp) {
    await writeWhole(join(folder, role), bytesOfEnvelope(data))
    return { path: role }
  }
  const { version } = data.signed
  const path = PUBLISHED.metadata(role, version)
  await writeWhole(join(folder, path), bytesOfEnvelope(data))
  const meta = role === 'snapshot' || role === 'root' ? {} : { meta: [`${role}.json`, { version }] as const }
  return { path, ...meta, ...(before !== undefined && before !== version && { replaces: [PUBLISHED.metadata(role, before)] }) }
}

/** The files of the index in a published folder. A file that is there has the content that its name says. */
export class TargetFiles {
  readonly #folder: string
  readonly #known: ReadonlySet<string> | undefined

  /** With `many` all names are read at once: asking for each of 100,000 files takes longer than signing them. */
  constructor(folder: string, { many }: { readonly many: boolean }) {
    this.#folder = folder
    this.#known = many ? namesBelow(folder, 'targets') : undefined
  }

  /** Writes a file under its digest, if it is not there. */
  async put(path: string, bytes: Uint8Array): Promise<{ readonly info: TargetInfo; readonly written: readonly Written[] }> {
    const info = targetInfo(bytes)
    const at = PUBLISHED.target(path, info.hashes.sha256)
    if (this.#known ? this.#known.has(at) : await isThere(join(this.#folder, at))) return { info, written: [] }
    await writeWhole(join(this.#folder, at), bytes)
    return { info, written: [{ path: at }] }
  }
}

function namesBelow(folder: string, name: string): ReadonlySet<string> {
  try {
    return new Set(readdirSync(join(folder, name), { recursive: true, encoding: 'utf8' }).map((path) => `${name}/${path}`))
  } catch {
    return new Set()
  }
}

/** True when less than so many days are left. */
export function expiresWithin({ expires }: { readonly expires: string }, days: number, now: string): boolean {
  return Date.parse(expires) - Date.parse(now) < days * 86_400_000
}
