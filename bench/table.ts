import { round, type Row, type Section } from './row.ts'

/** A section with when, where and with what it was measured. */
export interface Kept {
  readonly section: Section
  readonly date: string
  readonly machine: string
  readonly versions: string
  /** How busy the machine was before, so that a reader knows how far to trust the figures. */
  readonly load: string
  readonly tookSeconds: number
}

const HEADS = ['what', 'ours', 'beside', 'ratio', 'target', ''] as const

/** All rows as plain text for a terminal, sections one after the other. */
export function plainTable(sections: readonly Section[]): string {
  const all = sections.flatMap(({ rows }) => rows.map(cells))
  const widths = HEADS.map((head, i) => Math.max(head.length, ...all.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string => row.map((cell, i) => (i === 0 || i === 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ').trimEnd()
  return sections.map(({ title, rows }) => [title, ...[HEADS, ...rows.map(cells)].map((row) => `  ${line(row)}`)].join('\n')).join('\n\n')
}

/** The page docs/benchmarks.md. */
export function page(kept: readonly Kept[]): string {
  return `# Benchmarks

Made by \`npm run bench\`, which writes this page; with \`--keep\` and names it measures some sections anew. Every figure is a median of runs that took turns with those beside them, so a
busy machine slows both; what counts is the ratio: ours divided by the other, smaller is better.
Peers are installed by \`bench/package-lock.json\` and get the same bytes from the same server process on loopback.
Nothing is deleted while it measures: file systems that avoid freshly freed inodes would make later runs pay for it.

${kept.map(part).join('\n')}
${verdict(kept.map(({ section }) => section))}
`
}

/** One sentence on all targets together. */
export function verdict(sections: readonly Section[]): string {
  const judged = sections.flatMap(({ title, rows }) => rows.filter((row) => row.ok !== undefined).map((row) => ({ title, row })))
  const missed = judged.filter(({ row }) => !row.ok)
  const list = missed.map(({ title, row }) => `${title}: ${row.what}${row.beside ? ` beside ${row.beside}` : ''}`)
  return missed.length === 0 ? `All ${judged.length} targets are met.` : `${judged.length - missed.length} of ${judged.length} targets are met. Not met: ${list.join('; ')}.`
}

function part({ section: { title, note, rows }, date, tookSeconds, load, machine, versions }: Kept): string {
  const lines = [HEADS, HEADS.map((head, i) => (i === 0 || i === 2 ? '---' : head === '' ? ':-:' : '--:')), ...rows.map(cells)]
  const circumstances = `Measured ${date} in ${Math.round(tookSeconds)} s; load before ${load}; ${machine}; ${versions}.`
  return `## ${title}\n\n${note}\n\n${lines.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n\n<sub>${circumstances}</sub>\n`
}

function cells({ what, ours, beside, ratio, target, ok }: Row): readonly string[] {
  return [what, ours, beside, ratio === undefined ? '' : round(ratio), target ?? '', ok === undefined ? '' : ok ? 'ok' : 'not ok']
}
