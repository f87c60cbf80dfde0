import { textOf, type Row, type Span } from './screen.ts'

/* A terminal window as SVG 1.1: real text that can be read aloud, searched and copied; light and dark by the reader's own wish. */

export interface Picture {
  readonly rows: readonly Row[]
  readonly columns: number
  /** What the window shows, in a few words: the accessible name. */
  readonly title: string
}

const CHARACTER = 8.4
const LINE = 19
const PADDING = 18
const BAR = 34

// Each colour has a contrast of 4.5 : 1 or more on its background (WCAG 2.2, 1.4.3).
const LIGHT = { background: '#ffffff', bar: '#eef0f3', edge: '#d0d5dc', text: '#1f2328', green: '#116329', yellow: '#7d4e00', red: '#b31d28', cyan: '#0a5a78', gray: '#59636e', blue: '#0550ae', magenta: '#8250df' }
const DARK = { background: '#11151c', bar: '#1b212b', edge: '#333c49', text: '#dfe5ec', green: '#6fd08c', yellow: '#e3b341', red: '#ff8e86', cyan: '#6cc7e6', gray: '#99a4b1', blue: '#79c0ff', magenta: '#d2a8ff' }

/** The picture as one SVG file. Pure: the same rows give the same bytes. */
export function terminalSvg({ rows, columns, title }: Picture): string {
  const width = Math.ceil(columns * CHARACTER + 2 * PADDING)
  const height = BAR + 2 * PADDING + rows.length * LINE
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(rows.map(textOf).join('\n'))}</desc>`,
    `<style>${styles()}</style>`,
    `<rect class="window" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="9"/>`,
    `<path class="bar" d="M0.5 ${BAR}V9.5a9 9 0 0 1 9-9H${width - 9.5}a9 9 0 0 1 9 9V${BAR}z"/>`,
    ...[0, 1, 2].map((i) => `<circle class="button" cx="${PADDING + 4 + i * 18}" cy="${BAR / 2}" r="5"/>`),
    ...rows.flatMap((row, i) => (row.length === 0 ? [] : [line(row, BAR + PADDING + (i + 0.75) * LINE)])),
    '</svg>',
    '',
  ].join('\n')
}

function line(row: Row, y: number): string {
  return `<text y="${y}">${row.map(span).join('')}</text>`
}

/** Each span has a place of its own, so that columns stand in line whatever monospaced font the reader has. */
function span({ column, text, style }: Span): string {
  const classes = [style.colour, style.bold ? 'bold' : undefined, style.italic ? 'italic' : undefined].filter((name) => name !== undefined)
  return `<tspan x="${(PADDING + column * CHARACTER).toFixed(1)}"${classes.length > 0 ? ` class="${classes.join(' ')}"` : ''}>${escaped(text)}</tspan>`
}

function styles(): string {
  return [
    `text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}`,
    '.bold{font-weight:700}',
    '.italic{font-style:italic}',
    palette(LIGHT),
    `@media (prefers-color-scheme:dark){${palette(DARK)}}`,
  ].join('')
}

function palette({ background, bar, edge, text, ...colours }: typeof LIGHT): string {
  const names = Object.entries(colours).map(([name, value]) => `.${name}{fill:${value}}`)
  return `.window{fill:${background};stroke:${edge}}.bar{fill:${bar};stroke:${edge}}.button{fill:${edge}}text{fill:${text}}${names.join('')}`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
