import { resolve } from 'node:path'
import type { ArtifactSource } from '../reconciler/ports.ts'
import type { Http } from '../registry/http.ts'
import type { Signer } from '../catalog/tuf/metadata.ts'
import type { KeyRing, writeKeyFile } from './key-files.ts'
import type { Paint, Terminal } from './terminal.ts'
import type { KeyFetch } from '../api/auth/github-oidc.ts'
import { settingsFrom, type Settings } from './settings.ts'
import type { HouseOptions } from './compose.ts'

/* Joins the parts of a registry to the real world, as compose.ts does for a store. Everything is loaded and opened when it is first needed. */

const KEYS_MAX_BYTES = 256 * 1024

/** What a command of a registry is given. */
export interface RegistryContext {
  readonly registry: RegistryHouse
  readonly terminal: Terminal
  readonly paint: Paint
  readonly json: boolean
}

/** A registry's git repository or folder with everything around it. Nothing of it needs to be there. */
export function openRegistryHouse(dir: string, options: HouseOptions): RegistryHouse {
  return new RegistryHouse(dir, options)
}

export class RegistryHouse {
  /** Absolute. */
  readonly dir: string
  readonly env: NodeJS.ProcessEnv
  readonly settings: Settings
  readonly #options: HouseOptions
  #http: Promise<Http> | undefined

  constructor(dir: string, options: HouseOptions) {
    this.dir = resolve(dir)
    this.#options = options
    this.env = options.env ?? process.env
    this.settings = settingsFrom(this.env)
  }

  now(): string {
    return this.#options.now?.() ?? new Date().toISOString()
  }

  /** Private keys of these files, whose passphrase comes from the environment or a person. @throws CatalystError KEY_INVALID, FILE_NOT_FOUND */
  async keys(files: readonly string[]): Promise<readonly Signer[]> {
    return (await import('./key-files.ts')).openKeyFiles(files, this.#ring())
  }

  /** Writes private keys into a new file. @throws CatalystError CONTRADICTION, KEY_INVALID */
  async writeKeys(file: string, keys: Parameters<typeof writeKeyFile>[1]): Promise<void> {
    return (await import('./key-files.ts')).writeKeyFile(file, keys, this.#ring())
  }

  #ring(): KeyRing {
    return { env: this.env, terminal: this.#options.terminal, dir: this.dir }
  }

  /** The one way out, kept open until the house is closed. */
  http(): Promise<Http> {
    return (this.#http ??= import('../registry/http.ts').then(({ createHttp }) => createHttp({ proxyEnv: this.env })))
  }

  /** How the service fetches the keys of an OIDC issuer: bounded, no other origin. */
  async keyFetch(): Promise<KeyFetch> {
    const [http, { readBody }] = await Promise.all([this.http(), import('../registry/http-body.ts')])
    return async (url, { signal }) => {
      const answer = await http.send({ url, maxBytes: KEYS_MAX_BYTES, sameOrigin: true, signal })
      return new Response(new Uint8Array(await readBody(answer, { maxBytes: KEYS_MAX_BYTES, signal })), { status: answer.status })
    }
  }

  /** Artifacts and bundles from wherever lines say, kept in the machine's cache. */
  async downloads(): Promise<{ readonly http: Http; readonly artifacts: ArtifactSource }> {
    const [http, { downloads }, { tokenFor }] = await Promise.all([this.http(), import('../registry/downloads.ts'), import('../registry/credentials.ts')])
    const credentials = tokenFor(this.settings.githubToken, { apiUrl: this.settings.githubApiUrl, webUrl: this.settings.githubUrl })
    return { http, artifacts: downloads({ cacheDir: this.settings.cacheDir, http, credentials, warn: (message) => this.#options.terminal.err(message) }) }
  }

  async close(): Promise<void> {
    await this.#http?.then((http) => http.close(), () => undefined)
  }
}
