import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { Stanza, type Identity, type Recipient } from 'age-encryption'

/*
 * age's passphrase stanza (age-encryption.org/v1, "scrypt recipient type") on Node's own scrypt and ChaCha20-Poly1305. The
 * package has it in JavaScript, which takes five seconds for a key in place of a third of one: a bot opens its keys at
 * every publishing. Files are the same; a test opens each with the other.
 */

const LABEL = 'age-encryption.org/v1/scrypt'
/** More would take gigabytes: whoever hands us a file must not choose that. */
const MOST_WORK = 20
const TAG_BYTES = 16
const NONCE = Buffer.alloc(12)

/** Wraps the file's key under a passphrase. `work` is log2 of scrypt's N. */
export function passphraseRecipient(passphrase: string, work: number): Recipient {
  return {
    wrapFileKey(fileKey) {
      const salt = randomBytes(16)
      const cipher = createCipheriv('chacha20-poly1305', wrapping(passphrase, salt, work), NONCE, { authTagLength: TAG_BYTES })
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
      return [new Stanza(['scrypt', salt.toString('base64').replace(/=+$/, ''), String(work)], body)]
    },
  }
}

/** Unwraps it; null for another passphrase. @throws Error for a stanza that is not as the format says */
export function passphraseIdentity(passphrase: string): Identity {
  return {
    unwrapFileKey(stanzas) {
      const [stanza] = stanzas
      const [kind, salt = '', work = ''] = stanza?.args ?? []
      if (!stanza || kind !== 'scrypt') return null
      const bytes = Buffer.from(salt, 'base64')
      if (stanzas.length !== 1 || stanza.args.length !== 3 || bytes.length !== 16 || stanza.body.length !== 16 + TAG_BYTES) throw new Error('invalid scrypt stanza')
      if (!/^[1-9][0-9]?$/.test(work) || Number(work) > MOST_WORK) throw new Error('the scrypt work factor is not taken')
      return unwrapped(Buffer.from(stanza.body), wrapping(passphrase, bytes, Number(work)))
    },
  }
}

function unwrapped(body: Buffer, key: Buffer): Uint8Array | null {
  const decipher = createDecipheriv('chacha20-poly1305', key, NONCE, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(body.subarray(-TAG_BYTES))
  const fileKey = decipher.update(body.subarray(0, -TAG_BYTES))
  try {
    decipher.final()
    return fileKey
  } catch {
    return null
  }
}

function wrapping(passphrase: string, salt: Buffer, work: number): Buffer {
  return scryptSync(passphrase, Buffer.concat([Buffer.from(LABEL), salt]), 32, { N: 2 ** work, r: 8, p: 1, maxmem: 2 ** (work + 10) + 2 ** 24 })
}
