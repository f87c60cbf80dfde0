import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** A password for one login, and what the server keeps of it. */
export interface OneTimePassword {
  readonly password: string
  /** Goes into `ALTER ROLE … PASSWORD`: that statement may stand in the server's log, the password never does. */
  readonly verifier: string
}

const ITERATIONS = 4096
const SALT_BYTES = 16
const PASSWORD_BYTES = 32

/** A random password with its SCRAM-SHA-256 verifier (RFC 5803, RFC 7677). */
export function oneTimePassword(): OneTimePassword {
  const password = randomBytes(PASSWORD_BYTES).toString('base64url')
  return { password, verifier: scramVerifier(password, randomBytes(SALT_BYTES)) }
}

/** As PostgreSQL writes it: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. */
export function scramVerifier(password: string, salt: Uint8Array): string {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256')
  const key = (name: string): Buffer => createHmac('sha256', salted).update(name).digest()
  const stored = createHash('sha256').update(key('Client Key')).digest()
  return `SCRAM-SHA-256$${ITERATIONS}:${Buffer.from(salt).toString('base64')}$${stored.toString('base64')}:${key('Server Key').toString('base64')}`
}
