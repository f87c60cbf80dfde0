import { readFileSync, rmSync, statSync } from 'node:fs'
import { bootId } from './boot.ts'
import { linkTarget, replaceFile } from './disk.ts'
import type { StorePaths } from './paths.ts'
import type { StampedValues } from './stamped-values.ts'

/** What a stamp depends on besides what this file looks up itself. */
export interface StampInput {
  /** Version of the tool: another one may decide otherwise. */
  readonly tool: string
  /** The files that a plan is decided from. Absolute. */
  readonly files: readonly string[]
  /** What the values that plugins.yaml refers to (`${env:…}`) are now, by the key in that database; undefined: cannot be told. */
  readonly values?: ((of: StampedValues['of'], database: string) => StampedValues | undefined) | undefined
}

/**
 * What `writeStamp` needs to know. `serial` is that of the store's database after everything was recorded, `inputs` what
 * `lookAt` saw before the files were read: what changed since then is not what was decided from.
 */
export interface StampContent extends Omit<StampInput, 'files' | 'values'> {
  /** The values that plugins.yaml refers to, absent when it refers to none. */
  readonly values?: StampedValues | undefined
  readonly inputs: readonly InputState[] | undefined
  readonly serial: number
  readonly now: string
  /** The earliest time at which an unchanged world may lead to another plan. */
  readonly validUntil?: string | undefined
  /** The file whose serial this is: who checks the stamp has not read plugins.yaml. */
  readonly database: string
  /** How many plugins are as wanted, for people. */
  readonly plugins: number
}

/** `fresh`: nothing changed since `checkedAt`. Else `why` not, for people; the caller then looks properly. */
export type StampAnswer = FreshStamp | { readonly fresh: false; readonly why: string }

export interface FreshStamp {
  readonly fresh: true
  readonly checkedAt: string
  readonly plugins: number
}

interface Stamp extends Omit<StampContent, 'now'> {
  readonly format: 1
  readonly writtenAt: string
  readonly boot: string
  readonly current: string | null
  readonly inputs: readonly InputState[]
}

/** A file as it was when it was looked at. */
export interface InputState {
  readonly path: string
  readonly size: string
  readonly mtimeNs: string
  readonly ctimeNs: string
  readonly inode: string
  readonly sha256: string
  /** Changed less than two seconds before we looked: the same times may hide a later change, so only the content tells. */
  readonly young: boolean
}

const YOUNG_NS = 2_000_000_000n

/** The files as they are now. To be called before they are read; undefined when one of them is not there. */
export function lookAt(files: readonly string[]): readonly InputState[] | undefined {
  try {
    return files.map(inputState)
  } catch {
    return undefined
  }
}

/** Writes the stamp: the last act of an apply after which nothing is left to do. A failure is not an error: the next pass looks properly. */
export function writeStamp(paths: StorePaths, content: StampContent): void {
  try {
    const { now, inputs, ...rest } = content
    if (!inputs) return removeQuietly(paths)
    const stamp: Stamp = { format: 1, ...rest, writtenAt: now, boot: bootId(), current: linkTarget(paths.current) ?? null, inputs }
    replaceFile(paths.stamp, JSON.stringify(stamp))
  } catch {
    removeQuietly(paths)
  }
}

/** Takes the stamp away: from here on somebody may be changing things. @throws the error of the file system: without this nothing may be changed */
export function removeStamp(paths: StorePaths): void {
  rmSync(paths.stamp, { force: true })
}

/**
 * Asks whether anything changed since the stamp was written: one small file, two stats, one link and one question to
 * the database. Any doubt is `fresh: false`. Never throws, writes nothing.
 */
export function checkStamp(paths: StorePaths, input: StampInput, now: string, serial: (database: string) => number | undefined): StampAnswer {
  try {
    const stamp = JSON.parse(readFileSync(paths.stamp, 'utf8')) as Stamp
    const why = staleReason(stamp, paths, input, now, serial)
    return why === undefined ? { fresh: true, checkedAt: stamp.writtenAt, plugins: stamp.plugins } : { fresh: false, why }
  } catch {
    return { fresh: false, why: 'no stamp' }
  }
}

function staleReason(stamp: Stamp, paths: StorePaths, input: StampInput, now: string, serial: (database: string) => number | undefined): string | undefined {
  const time = Date.parse(now)
  if (stamp.format !== 1 || stamp.tool !== input.tool) return 'written by another version'
  if (stamp.boot !== bootId()) return 'the machine was started anew'
  if (!(time >= Date.parse(stamp.writtenAt))) return 'the clock was set back'
  if (stamp.validUntil !== undefined && !(time < Date.parse(stamp.validUntil))) return 'something became due'
  if (stamp.values && stamp.values.digest !== input.values?.(stamp.values.of, stamp.database)?.digest) return 'a value that plugins.yaml refers to changed'
  if (stamp.current !== (linkTarget(paths.current) ?? null)) return 'another generation is live'
  if (!sameInputs(stamp.inputs, input.files)) return 'a file changed'
  return stamp.serial === serial(stamp.database) ? undefined : 'the store database changed'
}

function sameInputs(inputs: readonly InputState[], files: readonly string[]): boolean {
  return inputs.length === files.length && files.every((file, i) => inputs[i]?.path === file && sameInput(inputs[i]))
}

/** The same times and inode as an old file: unchanged. Else the content tells: a checkout may touch a file without changing it. */
function sameInput(known: InputState): boolean {
  if (!known.young && sameTimes(known, times(known.path))) return true
  return contentDigest(known.path) === known.sha256
}

function inputState(path: string): InputState {
  const before = times(path)
  const sha256 = contentDigest(path)
  const now = BigInt(Date.now()) * 1_000_000n
  const young = now - BigInt(before.ctimeNs) < YOUNG_NS || now - BigInt(before.mtimeNs) < YOUNG_NS
  return { path, ...before, sha256, young: young || !sameTimes(before, times(path)) }
}

type Times = Pick<InputState, 'size' | 'mtimeNs' | 'ctimeNs' | 'inode'>

function times(path: string): Times {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true })
  return { size: String(size), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), inode: String(ino) }
}

function sameTimes(a: Times, b: Times): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.inode === b.inode
}

function contentDigest(path: string): string {
  // Loaded only here: it costs a fifth of a start of Node, and old files are told by their times.
  return process.getBuiltinModule('node:crypto').hash('sha256', readFileSync(path))
}

function removeQuietly(paths: StorePaths): void {
  try {
    removeStamp(paths)
  } catch {
    // It could not be written, so it is not there, or it is the old one that the apply deleted first.
  }
}
