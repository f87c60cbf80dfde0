import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** An ECDSA P-256 key that signs over SHA-256: what every part of our Sigstore uses. It lives in memory and is never exported. */
export class SigningKey {
  readonly #private: KeyObject
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer

  constructor() {
    const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    this.#private = pair.privateKey
    this.spki = pair.publicKey.export({ format: 'der', type: 'spki' })
  }

  /** ECDSA signature, DER, over SHA-256 of the data. */
  sign(data: Uint8Array): Buffer {
    return sign('sha256', data, this.#private)
  }

  /** SHA-256 of the key: a log's id (RFC 6962 3.2). */
  get id(): Buffer {
    return sha256Bytes(this.spki)
  }
}

/** SHA-256 over the parts joined, as bytes. */
export function sha256Bytes(...parts: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The SubjectPublicKeyInfo of a PEM public key. */
export function spkiOfPem(text: string): Buffer {
  return createPublicKey(text).export({ format: 'der', type: 'spki' })
}
