import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'

/* Looks for secrets in every byte that was written or said, in the clothes that bytes are carried around in. */

/** A secret as it might be found: plain, and encoded or digested in ways that anybody could undo or try. */
export function disguises(secret: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(secret)
  const digest = (name: string): Buffer => createHash(name).update(bytes).digest()
  const found: (readonly [string, string])[] = [
    ['plain', secret],
    ['in JSON', JSON.stringify(secret).slice(1, -1)],
    ['url-encoded', encodeURIComponent(secret)],
    ['as a form field', new URLSearchParams({ x: secret }).toString().slice(2)],
    ['hex', bytes.toString('hex')],
    ['HEX', bytes.toString('hex').toUpperCase()],
    ['utf-16', Buffer.from(secret, 'utf16le').toString('latin1')],
    ['backwards', [...secret].reverse().join('')],
    ...[0, 1, 2].map((shift) => [`base64 at ${shift}`, base64Inside(bytes, shift)] as const),
    ...[0, 1, 2].map((shift) => [`base64url at ${shift}`, base64Inside(bytes, shift).replaceAll('+', '-').replaceAll('/', '_')] as const),
    ...['sha256', 'sha1', 'md5', 'sha512'].flatMap((name) => [[name, digest(name).toString('hex')], [`${name} in base64`, digest(name).toString('base64').slice(0, 40).replace(/=+$/, '')]] as const),
  ]
  return new Map(found.filter(([, text]) => text.length >= 8))
}

/** What of the base64 of a longer text is this secret's alone, when `shift` bytes stand before it. */
function base64Inside(bytes: Buffer, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '')
  return text.slice(shift === 0 ? 0 : shift + 1, text.length - 1)
}

/** Where a secret is found, as `where: disguise`; empty when nowhere. */
export function leaksIn(where: string, content: string | Buffer, secrets: readonly string[]): readonly string[] {
  const texts = typeof content === 'string' ? [content] : readings(content)
  return secrets.flatMap((secret) => [...disguises(secret)].flatMap(([disguise, text]) => (texts.some((t) => t.includes(text) || t.includes(latin(text))) ? [`${where}: ${disguise}`] : [])))
}

/** Every file below a folder, each also unpacked when it is packed, and each SQLite database row by row. */
export function leaksBelow(folder: string, secrets: readonly string[], allowed: (path: string) => boolean): readonly string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  return files
    .filter((path) => !allowed(path) && statSync(path, { throwIfNoEntry: false })?.isFile())
    .flatMap((path) => {
      const bytes = readFileSync(path)
      const rows = bytes.subarray(0, 15).toString() === 'SQLite format 3' ? rowsOf(path) : ''
      return [...leaksIn(path, bytes, secrets), ...leaksIn(`${path} (rows)`, rows, secrets), ...leaksIn(`name of ${path}`, path.slice(folder.length), secrets)]
    })
}

function readings(bytes: Buffer): readonly string[] {
  const unpacked = [gunzipSync, zstdDecompressSync].flatMap((unpack) => {
    try {
      return [unpack(bytes)]
    } catch {
      return []
    }
  })
  return [bytes, ...unpacked].map((b) => b.toString('latin1'))
}

function latin(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function rowsOf(path: string): string {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const tables = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`).all() as { name: string }[]
    return JSON.stringify(tables.map(({ name }) => db.prepare(`SELECT * FROM "${name}"`).all()))
  } finally {
    db.close()
  }
}
