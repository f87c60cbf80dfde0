import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { armor, Decrypter, Encrypter } from 'age-encryption'
import { CatalystError } from '../../schemas/errors.ts'
import { keyIdOf, type PublicKey, type Signer } from './metadata.ts'
import { passphraseIdentity, passphraseRecipient } from './passphrase.ts'

/*
 * Private keys at rest: an armored age file under a passphrase (scrypt), which holds one or several Ed25519 keys. Anybody
 * with the passphrase and the `age` program can read it, so that nobody depends on us to get at a key.
 */

interface StoredKey {
  readonly name: string
  /** PKCS#8 in PEM. */
  readonly private: string
}

/** A new key in memory. `name` says whose it is, and is part of the public key. */
export function newSigner(name: string): Signer & { readonly pem: string } {
  const { privateKey } = generateKeyPairSync('ed25519')
  return { ...signerOf(name, privateKey), pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/** `name:hex`: how people hand each other a public key. */
export function publicText(key: PublicKey): string {
  return `${key['x-catalyst-name'] ?? 'key'}:${key.keyval.public}`
}

/** @throws CatalystError KEY_INVALID */
export function publicKeyFrom(text: string): PublicKey {
  const match = /^([a-z][a-z0-9-]{0,39}):([0-9a-f]{64})$/.exec(text.trim())
  if (!match?.[1] || !match[2]) throw new CatalystError('KEY_INVALID', `${JSON.stringify(text.slice(0, 100))} is no public key`, { hint: 'A public key is `name:` and 64 hexadecimal digits, as `catalyst registry keys new` prints it.' })
  return { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: match[2] }, 'x-catalyst-name': match[1] }
}

/** log2 of scrypt's N, as OWASP asks for: a quarter of a second, and 128 MiB. A bot pays it at every publishing. */
const WORK = 17

/** The text of a key file. @throws CatalystError KEY_INVALID for a passphrase that is too short to protect anything */
export async function sealKeys(keys: readonly { readonly name: string; readonly pem: string }[], passphrase: string, work = WORK): Promise<string> {
  if (passphrase.length < 8) throw new CatalystError('KEY_INVALID', 'the passphrase has fewer than 8 characters', { hint: 'Choose a longer one, or let a password manager make it.' })
  const encrypter = new Encrypter()
  encrypter.addRecipient(passphraseRecipient(passphrase, work))
  const stored: StoredKey[] = keys.map(({ name, pem }) => ({ name, private: pem }))
  return armor.encode(await encrypter.encrypt(JSON.stringify({ v: 1, keys: stored })))
}

/** The keys of a key file. @throws CatalystError KEY_INVALID for another file or another passphrase */
export async function openKeys(text: string, passphrase: string, file: string): Promise<readonly Signer[]> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(passphraseIdentity(passphrase))
  try {
    const { keys } = JSON.parse(await decrypter.decrypt(armor.decode(text), 'text')) as { keys: StoredKey[] }
    return keys.map(({ name, private: pem }) => signerOf(name, createPrivateKey(pem)))
  } catch (error) {
    throw new CatalystError('KEY_INVALID', `${file} could not be opened: it is no key file, or the passphrase is another one`, { cause: error })
  }
}

function signerOf(name: string, privateKey: KeyObject): Signer {
  const { x } = privateKey.export({ format: 'jwk' })
  const key: PublicKey = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: Buffer.from(x ?? '', 'base64url').toString('hex') }, 'x-catalyst-name': name }
  return { key, keyid: keyIdOf(key), sign: (data) => sign(null, data, privateKey) }
}
