import { existsSync, readFileSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { openKeys, sealKeys } from '../catalog/tuf/key-file.ts'
import type { Signer } from '../catalog/tuf/metadata.ts'
import { writeSecretFile } from '../catalog/write-file.ts'
import { CatalystError } from '../schemas/errors.ts'
import { trying } from '../reconciler/state/disk.ts'
import type { Terminal } from './terminal.ts'

/** What opening key files needs of the surroundings. */
export interface KeyRing {
  readonly env: NodeJS.ProcessEnv
  readonly terminal: Terminal
  /** The registry's repository: no place for private keys, encrypted or not. */
  readonly dir: string
}

/** The keys of all these files. @throws CatalystError KEY_INVALID, FILE_NOT_FOUND */
export async function openKeyFiles(files: readonly string[], ring: KeyRing): Promise<readonly Signer[]> {
  const opened: Signer[] = []
  for (const file of files) {
    const text = trying(`read ${file}`, () => readFileSync(resolve(file), 'utf8'))
    opened.push(...(await openKeys(text, await passphraseFor(file, ring), file)))
  }
  return opened
}

/** Writes keys into a new file, readable by its owner alone. @throws CatalystError CONTRADICTION when there is a file, KEY_INVALID */
export async function writeKeyFile(file: string, keys: Parameters<typeof sealKeys>[0], ring: KeyRing): Promise<void> {
  const path = newKeyPath(file, ring.dir)
  const passphrase = await passphraseFor(file, ring)
  if (ring.terminal.askSecret && said(ring.env) === undefined && (await ring.terminal.askSecret(`The same again: `)) !== passphrase) throw new CatalystError('KEY_INVALID', 'the two passphrases differ', { hint: 'Nothing was written; run the command again.' })
  await writeSecretFile(path, await sealKeys(keys, passphrase))
}

/** @throws CatalystError CONTRADICTION, KEY_INVALID for a place where keys must not lie */
export function newKeyPath(file: string, dir: string): string {
  const path = resolve(file)
  const isRepository = ['.git', 'registry.yaml', 'tuf'].some((name) => existsSync(join(dir, name)))
  if (isRepository && path.startsWith(resolve(dir) + sep)) throw new CatalystError('KEY_INVALID', `${path} lies in the registry's repository, where private keys do not belong`, { hint: 'Name a file outside of it.' })
  if (existsSync(path)) throw new CatalystError('CONTRADICTION', `${path} is there already`, { hint: 'Name another file: keys are never written over.' })
  return path
}

/** `CATALYST_KEY_PASSPHRASE`, the file that `CATALYST_KEY_PASSPHRASE_FILE` names, or a person. */
async function passphraseFor(file: string, { env, terminal }: KeyRing): Promise<string> {
  const known = said(env)
  if (known !== undefined) return known
  if (!terminal.askSecret) throw new CatalystError('KEY_INVALID', `${file} has a passphrase, and nobody can be asked for it here`, { hint: 'Set CATALYST_KEY_PASSPHRASE_FILE to a file that holds it.' })
  return terminal.askSecret(`Passphrase for ${file}: `)
}

function said(env: NodeJS.ProcessEnv): string | undefined {
  if (env.CATALYST_KEY_PASSPHRASE) return env.CATALYST_KEY_PASSPHRASE
  const file = env.CATALYST_KEY_PASSPHRASE_FILE
  return file ? trying(`read ${file}`, () => readFileSync(file, 'utf8')).replace(/\r?\n$/, '') : undefined
}
