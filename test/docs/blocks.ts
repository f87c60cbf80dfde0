import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

/** A page for readers: README.md and everything that it may lead to. */
export interface Page {
  readonly file: string
  readonly text: string
}

/** One fenced block of a page that says by which schema it is to be read. */
export interface Block {
  readonly file: string
  readonly line: number
  readonly schema: string
  readonly text: string
}

/** README.md, the pages at the top, everything below docs/, and the READMEs of folders. */
export function pages(): readonly Page[] {
  const tops = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'sandbox/README.md', 'examples/plugins/README.md', 'examples/registry/README.md', 'examples/store-repo/README.md', 'examples/world/README.md']
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
  return [...tops, ...docs.sort()].map(page)
}

export function page(file: string): Page {
  return { file: relative(ROOT, resolve(ROOT, file)), text: readFileSync(join(ROOT, file), 'utf8') }
}

/** The blocks that are marked with a schema: ```` ```yaml schema=plugins ````. */
export function blocksOf({ file, text }: Page): readonly Block[] {
  return [...text.matchAll(/^```\w+ schema=([\w-]+)\n([^]*?)\n```$/gm)].map((match) => ({
    file,
    line: text.slice(0, match.index).split('\n').length,
    schema: match[1] ?? '',
    text: `${match[2]}\n`,
  }))
}

/** The page without its fenced blocks and code spans: what is prose. */
export function prose({ text }: Page): string {
  return text.replace(/^```[^]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
}

/** What stands in code: fenced blocks and code spans. */
export function code({ text }: Page): string {
  const fenced = [...text.matchAll(/^```.*\n([^]*?)^```$/gm)].map((match) => match[1] ?? '')
  const spans = [...text.replace(/^```[^]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '')
  return [...fenced, ...spans].join('\n')
}

/** The anchor that GitHub gives a heading. */
export function anchorsOf({ text }: Page): readonly string[] {
  const headings = text.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)
  return [...headings].map((match) => (match[1] ?? '').toLowerCase().replace(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-'))
}
