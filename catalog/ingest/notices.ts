import type { Advisory } from '../../schemas/common.ts'
import { canonicalJson } from '../../schemas/digest.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import type { Notice } from '../ports.ts'

const KILL_LIST = 'kill-list'
/** What a line keeps free for its yank, its advisories and the kill list. Bytes. */
export const NOTICE_BYTES = 20 * 1024
/** Of those, what advisories may take; one reason or title has at most 1,800 bytes. */
const ADVISORY_BYTES = 16 * 1024
/** A line has room for 32 (schemas/index-line.ts): one of them is the kill list's. */
const MOST_ADVISORIES = 31

const GRAVITY: Readonly<Record<Advisory['level'], number>> = { malicious: 3, withdrawn: 2, yanked: 1, notice: 0 }

/**
 * A line with what maintainers said of its version, and nothing that they no longer say. What the kill list said stays for
 * good: it stands in no notice. Pure.
 */
export function withNotice(line: IndexLine, notice: Notice | undefined): IndexLine {
  const { yanked: _yanked, advisories: _advisories, ...rest } = line
  const advisories = advisoriesThatFit(notice?.advisories ?? [])
  const told = {
    ...rest,
    ...(notice?.yanked === undefined ? {} : { yanked: { reason: notice.yanked } }),
    ...(advisories.length > 0 ? { advisories: [...advisories] } : {}),
  }
  const kill = line.advisories?.find(({ id, level }) => id === KILL_LIST && level === 'malicious')
  return kill ? killedLine(told, kill.title ?? KILL_LIST) : told
}

/** A line on the kill list tells every store, also those that know no kill list. Pure. */
export function killedLine(line: IndexLine, reason: string): IndexLine {
  const others = (line.advisories ?? []).filter(({ id }) => id !== KILL_LIST)
  return { ...line, yanked: { reason }, advisories: [...others, { id: KILL_LIST, level: 'malicious', title: reason }] }
}

/** Each once, in the order given. Of more than a line has room for the gravest stay, of equally grave ones the newest. Pure. */
function advisoriesThatFit(advisories: readonly Advisory[]): readonly Advisory[] {
  const distinct = [...new Map(advisories.map((advisory) => [canonicalJson(advisory), advisory]))]
  const ranked = distinct.map(([text, advisory], n) => ({ advisory, n, bytes: Buffer.byteLength(text) + 1 })).sort((a, b) => GRAVITY[b.advisory.level] - GRAVITY[a.advisory.level] || b.n - a.n)
  let left = ADVISORY_BYTES
  const fitting = ranked.slice(0, MOST_ADVISORIES).filter(({ bytes }) => (left -= bytes) >= 0)
  return fitting.sort((a, b) => a.n - b.n).map(({ advisory }) => advisory)
}
