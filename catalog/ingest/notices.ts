import type { IndexLine } from '../../schemas/index-line.ts'
import type { Notice } from '../ports.ts'

/** A line with what maintainers said of its version, and nothing that they no longer say. Pure. */
export function withNotice(line: IndexLine, notice: Notice | undefined): IndexLine {
  const { yanked: _yanked, advisories: _advisories, ...rest } = line
  return {
    ...rest,
    ...(notice?.yanked === undefined ? {} : { yanked: { reason: notice.yanked } }),
    ...(notice && notice.advisories.length > 0 ? { advisories: [...notice.advisories] } : {}),
  }
}
