import { redact } from '../../schemas/errors.ts'

const KEY = /^(\s*(?:- )?)(["']?)([\w.-]+)\2\s*:/
const SPOKEN = /((?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|credentials?)["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^\s,}\]]+)/gi
/** A plugin's config, and what follows on its line. */
const CONFIG = /((?:^|[\s{,])(["']?)config\2\s*:\s*)\S.*$/
/** The address of the database, where the store stands on one line. */
const DATABASE = /^(\s*store\s*:.*?[\s{,](["']?)database\2\s*:\s*)\S.*$/

/**
 * A line of plugins.yaml without what may be a secret (law 8): people write passwords into the config of a plugin, and
 * logs of CI have more readers than the repository. Keys stay, so that the place can be found; columns before a hidden
 * value stay as they are. Undefined where the file has no such line. The text may be no YAML at all: in doubt it is hidden.
 */
export function shownLine(lines: readonly string[], index: number): string | undefined {
  const text = lines[index]
  if (text === undefined) return undefined
  const [start, , , key = ''] = KEY.exec(text) ?? []
  const path = [...ancestors(lines, index).reverse(), key]
  const isPrivate = (path[0] === 'plugins' && path.includes('config', 2)) || (path[0] === 'store' && path[1] === 'database') || insideOpenConfig(lines, index)
  return isPrivate ? `${start ?? ' '.repeat(indentOf(text))} …` : redact(text.replace(CONFIG, '$1…').replace(DATABASE, '$1…').replace(SPOKEN, '$1***'))
}

/** The keys that a line stands under, by indentation; the nearest first. */
function ancestors(lines: readonly string[], index: number): string[] {
  const found: string[] = []
  let indent = indentOf(lines[index] ?? '')
  for (let at = index - 1; at >= 0 && indent > 0; at--) {
    const line = lines[at] ?? ''
    const key = KEY.exec(line)?.[3]
    if (key === undefined || indentOf(line) >= indent) continue
    found.push(key)
    indent = indentOf(line)
  }
  return found
}

/** True where a config in flow style, `config: {`, began on a line above and has not ended: indentation says nothing there. */
function insideOpenConfig(lines: readonly string[], index: number): boolean {
  let open = 0
  for (const line of lines.slice(0, index)) {
    const plain = line.replace(/"[^"]*"|'[^']*'/g, '').replace(/(^|\s)#.*$/, '')
    const begin = open > 0 ? 0 : plain.search(CONFIG)
    if (begin >= 0) open = Math.max(0, open + depthOf(plain.slice(begin)))
  }
  return open > 0
}

/** How many brackets a text opens and does not close. */
function depthOf(text: string): number {
  return (text.match(/[{[]/g)?.length ?? 0) - (text.match(/[}\]]/g)?.length ?? 0)
}

/** A tab is as wide as it is meant to be at most: what looks nested counts as nested. */
function indentOf(line: string): number {
  return /^\s*/.exec(line)?.[0].replaceAll('\t', '        ').length ?? 0
}
