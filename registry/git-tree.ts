import { CatalystError } from '../schemas/errors.ts'
import type { GitObjects } from './git.ts'

/** One row of a tree: its mode as git writes it (`100644` a file, `40000` a folder, `120000` a link), and the object. */
export interface Row {
  readonly mode: string
  readonly oid: string
}

/** What one commit holds, read without checking anything out. */
export interface GitFiles {
  /** The bytes of a file; undefined when there is none. @throws CatalystError INDEX_INVALID for a link, a folder in its place or a damaged object */
  file(path: string): Promise<Uint8Array | undefined>
}

/** Reads files of a commit by walking its trees; the commit and each tree are read once. */
export function gitFiles(objects: GitObjects, commit: string, name: string): GitFiles {
  let root: Promise<string> | undefined
  const trees = new Map<string, Promise<ReadonlyMap<string, Row>>>()
  const tree = (oid: string): Promise<ReadonlyMap<string, Row>> => {
    const known = trees.get(oid) ?? objects.read(oid, 'tree').then(parseTree)
    trees.set(oid, known)
    return known
  }
  const refuse = (path: string, what: string): never => {
    throw new CatalystError('INDEX_INVALID', `${name}: ${path} is ${what}`)
  }
  return {
    async file(path) {
      const steps = path.split('/')
      let row: Row | undefined = { mode: '40000', oid: await (root ??= rootTree(objects, commit)) }
      for (const [depth, step] of steps.entries()) {
        if (row.mode !== '40000') return refuse(path, `below ${steps.slice(0, depth).join('/')}, which is no folder`)
        row = (await tree(row.oid)).get(step)
        if (!row) return undefined
      }
      if (row.mode !== '100644' && row.mode !== '100755') return refuse(path, row.mode === '120000' ? 'a link; only plain files are read' : 'no file')
      return objects.read(row.oid, 'blob')
    },
  }
}

/** The tree of a commit. */
export async function rootTree(objects: GitObjects, commit: string): Promise<string> {
  return headerOf(await objects.read(commit, 'commit'), 'tree')[0] ?? ''
}

/**
 * Tells whether commits are ancestors of `head`. The walk goes on where the last question left it, so that any number
 * of questions reads each commit once.
 */
export function ancestry(objects: GitObjects, head: string, shallow: ReadonlySet<string> = new Set()): (commit: string) => Promise<boolean> {
  const seen = new Set([head])
  const queue = [head]
  let turn: Promise<unknown> = Promise.resolve()
  const walkTo = async (commit: string): Promise<boolean> => {
    while (!seen.has(commit) && queue.length > 0) {
      const next = queue.shift() ?? ''
      const parents = shallow.has(next) ? [] : headerOf(await objects.read(next, 'commit'), 'parent')
      for (const parent of parents) {
        if (!seen.has(parent)) queue.push(parent)
        seen.add(parent)
      }
    }
    return seen.has(commit)
  }
  return (commit) => {
    const answer = turn.then(() => walkTo(commit))
    turn = answer.catch(() => undefined)
    return answer
  }
}

/** The values of a header of a commit; headers end at the first empty line. */
function headerOf(commit: Uint8Array, header: string): string[] {
  const text = Buffer.from(commit).toString('latin1')
  const end = text.indexOf('\n\n')
  const lines = (end < 0 ? text : text.slice(0, end)).split('\n')
  return lines.flatMap((line) => (line.startsWith(`${header} `) ? [line.slice(header.length + 1)] : []))
}

/** git's tree format: mode, a blank, the name, a zero byte and twenty bytes of SHA-1, again and again. */
export function parseTree(bytes: Uint8Array): ReadonlyMap<string, Row> {
  const tree = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rows = new Map<string, Row>()
  for (let at = 0; at < tree.length; ) {
    const blank = tree.indexOf(0x20, at)
    const zero = tree.indexOf(0, blank)
    // Its hash is right, so somebody made it so: without this the loop would not end.
    if (blank < 0 || zero < 0 || zero + 21 > tree.length) throw new CatalystError('INDEX_INVALID', 'a tree of the index is malformed')
    rows.set(tree.toString('utf8', blank + 1, zero), { mode: tree.toString('latin1', at, blank), oid: tree.toString('hex', zero + 1, zero + 21) })
    at = zero + 21
  }
  return rows
}
