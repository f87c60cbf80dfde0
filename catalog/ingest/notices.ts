import type { IndexLine } from '../../schemas/index-line.ts'
import type { Notice } from '../ports.ts'

const KILL_LIST = 'kill-list'

/**
 * A line with what maintainers said of its version, and nothing that they no longer say. What the kill list said stays for
 * good: it stands in no notice. Pure.
 */
export function withNotice(line: IndexLine, notice: Notice | undefined): IndexLine {
  const { yanked: _yanked, advisories: _advisories, ...rest } = line
  const told = {
    ...rest,
    ...(notice?.yanked === undefined ? {} : { yanked: { reason: notice.yanked } }),
    ...(notice && notice.advisories.length > 0 ? { advisories: [...notice.advisories] } : {}),
  }
  const kill = line.advisories?.find(({ id, level }) => id === KILL_LIST && level === 'malicious')
  return kill ? killedLine(told, kill.title ?? KILL_LIST) : told
}

/** A line on the kill list tells every store, also those that know no kill list. Pure. */
export function killedLine(line: IndexLine, reason: string): IndexLine {
  const others = (line.advisories ?? []).filter(({ id }) => id !== KILL_LIST)
  return { ...line, yanked: { reason }, advisories: [...others, { id: KILL_LIST, level: 'malicious', title: reason }] }
}
