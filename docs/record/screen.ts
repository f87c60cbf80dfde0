/* What a terminal shows after a program wrote to it: just enough of ECMA-48 for our own output. */

export type Colour = 'black' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'white' | 'gray'

export interface Style {
  readonly colour?: Colour
  readonly bold?: boolean
  readonly italic?: boolean
}

/** Neighbouring characters of one style; `column` is where the first stands, from 0. */
export interface Span {
  readonly column: number
  readonly text: string
  readonly style: Style
}

export type Row = readonly Span[]

interface Cell {
  readonly char: string
  readonly style: Style
}

const COLOURS: readonly Colour[] = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

// A control sequence with its numbers and its letter, an operating system command, or any one character.
const PIECES = /\u001b\[([0-9;?]*)([A-Za-z])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[^]/gu

/**
 * The rows of a terminal of so many columns after `output`: lines that are too long go on in the next row, a line that was
 * drawn anew (`\r`, `ESC[2K`) shows its last state. Pure. Rows at the end that hold nothing are left out.
 */
export function screenOf(output: string, columns: number): readonly Row[] {
  const rows: Cell[][] = [[]]
  let column = 0
  let style: Style = {}
  for (const [piece, numbers, letter] of output.matchAll(PIECES)) {
    const row = rows.at(-1) as Cell[]
    if (letter === 'm') style = styled(style, numbers ?? '')
    else if (letter === 'K') row.length = numbers === '2' ? 0 : Math.min(row.length, column)
    else if (piece === '\n') column = rows.push([]) && 0
    else if (piece === '\r') column = 0
    else if (!piece.startsWith('\u001b')) {
      if (column === columns) column = rows.push([]) && 0
      const target = rows.at(-1) as Cell[]
      while (target.length < column) target.push({ char: ' ', style: {} })
      target[column++] = { char: piece, style }
    }
  }
  const shown = rows.map(spansOf)
  return shown.slice(0, shown.findLastIndex((row) => row.length > 0) + 1)
}

/** The text of a row, as it would be copied from the terminal. */
export function textOf(row: Row): string {
  return row.reduce((text, span) => text.padEnd(span.column) + span.text, '')
}

function styled(before: Style, numbers: string): Style {
  return numbers.split(';').map(Number).reduce(styledBy, before)
}

function styledBy(before: Style, code: number): Style {
  if (code === 0) return {}
  if (code === 1) return { ...before, bold: true }
  if (code === 3) return { ...before, italic: true }
  if (code === 22) return { ...before, bold: false }
  if (code === 23) return { ...before, italic: false }
  if (code === 90) return { ...before, colour: 'gray' }
  const colour = COLOURS[code - 30]
  if (colour) return { ...before, colour }
  const { colour: _colour, ...plain } = before
  return code === 39 ? plain : before
}

function spansOf(cells: readonly Cell[]): Row {
  const spans: Span[] = []
  for (const [column, { char, style }] of cells.entries()) {
    const last = spans.at(-1)
    if (last && sameStyle(last.style, style)) spans[spans.length - 1] = { ...last, text: last.text + char }
    else spans.push({ column, text: char, style })
  }
  return spans.filter((span, i) => span.text.trim() !== '' || spans.slice(i + 1).some((later) => later.text.trim() !== ''))
}

function sameStyle(a: Style, b: Style): boolean {
  return a.colour === b.colour && Boolean(a.bold) === Boolean(b.bold) && Boolean(a.italic) === Boolean(b.italic)
}
