import { CatalystError, type Problem, problemsOfError } from '../../schemas/errors.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { indexPath } from '../../schemas/names.ts'
import { readIndexLines, writeIndexLine } from '../../schemas/registry-files.ts'
import { NOTICE_BYTES } from './notices.ts'
import type { Verdict } from '../ports.ts'

/** What a line may take of its own, so that whatever is said of the version later has room beside it. Bytes. */
export const LINE_BYTES = LIMITS.indexLineMaxBytes - NOTICE_BYTES
/** What new lines leave of an index file to notices on the lines that stand in it. Bytes. */
const FILE_SLACK = 1024 * 1024

/** Why a line can stand in no index file that every store reads; none for one that can. Pure. */
export function lineRefusals(line: IndexLine): readonly Problem[] {
  const bytes = sizeOf(line)
  if (bytes > LINE_BYTES) return [{ code: 'FILE_TOO_LARGE', message: `the index line of ${line.id} ${line.version} would have ${bytes} bytes, ${LINE_BYTES} is the limit`, hint: 'Name fewer dependencies, conflicts or permissions, or write their ranges shorter.' }]
  try {
    readIndexLines(writeIndexLine(line), `index/${indexPath(line.id)}`, line.id)
    return []
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    return problemsOfError(error)
  }
}

/** A version without its build metadata, which makes no other version: in an index it stands once. */
export function coreOf(version: string): string {
  return version.split('+')[0] ?? version
}

/** The version with a line that is the same but for build metadata; undefined when there is none. Pure. */
export function takenBy(version: string, verdicts: readonly Verdict[]): string | undefined {
  const stands = ({ verdict }: Verdict): boolean => verdict === 'listed' || verdict === 'withdrawn'
  return verdicts.find((other) => other.version !== version && coreOf(other.version) === coreOf(version) && stands(other))?.version
}

/** Whether an index file still has room for one more line. Pure. */
export function hasRoom(lines: number, bytes: number, line: IndexLine): boolean {
  return lines < LIMITS.indexMaxLines && bytes + sizeOf(line) <= LIMITS.indexFileMaxBytes - FILE_SLACK
}

/** Bytes of a line with its line end. */
export function sizeOf(line: IndexLine): number {
  return Buffer.byteLength(writeIndexLine(line)) + 1
}
