import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf, type Digest } from '../schemas/digest.ts'

/**
 * Answers that this user has reached before, by the digest of everything that they depend on. The folder is one user's
 * own, never shared and never cached by CI: whoever can write in it decides what is answered.
 */
export interface Remembered {
  /** Why nothing is remembered, for a warning; undefined when the folder is fit. */
  readonly unfit: string | undefined
  /** What was remembered, as JSON gives it back: the caller checks its shape. Undefined when there is nothing, or nothing that can be read. */
  recall(question: Digest): unknown
  /** Remembers as well as it can: a full disk is no reason to refuse anything. */
  remember(question: Digest, answer: object): void
}

interface Note {
  readonly question: Digest
  readonly answer: unknown
}

/** Opens (and makes, mode 0700) the folder. A folder that others own or may write in is left alone and nothing is remembered. */
export function openRemembered(folder: string, limits: { readonly maxBytes: number }): Remembered {
  const unfit = prepare(folder)
  if (unfit !== undefined) return { unfit, recall: () => undefined, remember: () => undefined }
  return { unfit, recall: (question) => recall(folder, question, limits.maxBytes), remember: (question, answer) => remember(folder, { question, answer }) }
}

function prepare(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const found = lstatSync(folder)
    if (!found.isDirectory()) return `"${folder}" is not a folder`
    if (process.getuid && found.uid !== process.getuid()) return `"${folder}" belongs to another user`
    if (found.mode & 0o022) return `others may write in "${folder}"`
    return undefined
  } catch (error) {
    return `"${folder}" cannot be used: ${(error as Error).message}`
  }
}

function recall(folder: string, question: Digest, maxBytes: number): unknown {
  try {
    const file = join(folder, `${hexOf(question)}.json`)
    const found = lstatSync(file)
    const ours = found.isFile() && (found.mode & 0o022) === 0 && (!process.getuid || found.uid === process.getuid())
    if (!ours || found.size > maxBytes) return undefined
    const note = JSON.parse(readFileSync(file, 'utf8')) as Note | null
    return note?.question === question ? note.answer : undefined
  } catch {
    return undefined
  }
}

function remember(folder: string, note: Note): void {
  const temporary = join(folder, `.${randomBytes(8).toString('hex')}`)
  try {
    writeFileSync(temporary, JSON.stringify(note), { flag: 'wx', mode: 0o600 })
    renameSync(temporary, join(folder, `${hexOf(note.question)}.json`))
  } catch {
    rmSync(temporary, { force: true })
  }
}
