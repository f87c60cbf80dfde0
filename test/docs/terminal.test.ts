import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { screenOf, textOf } from '../../docs/record/screen.ts'
import { terminalSvg } from '../../docs/record/svg.ts'

const texts = (output: string, columns = 80): string[] => screenOf(output, columns).map(textOf)

describe('the screen', () => {
  test.each([
    ['lines', 'one\r\ntwo\n', ['one', 'two']],
    ['a line that was drawn anew shows its last state', '⠋ fetching 1\r\u001b[2K⠙ fetching 2\r\u001b[2Kdone\n', ['done']],
    ['the rest of a line is cleared', 'abcdef\rab\u001b[K\n', ['ab']],
    ['a long line goes on in the next row', 'abcdefgh', ['abcde', 'fgh']],
    ['a line that fits exactly does not', 'abcde\nf', ['abcde', 'f']],
    ['empty rows stay inside, and go at the end', 'a\n\nb\n\n\n', ['a', '', 'b']],
    ['what is no colour is nothing to see', '\u001b]0;title\u0007a\u001b[?25lb', ['ab']],
  ])('%s', (_what, output, rows) => {
    expect(texts(output, 5 + 75 * Number(!/long|exactly/.test(_what)))).toEqual(rows)
  })

  test('colours and weights stand where they were switched on', () => {
    expect(screenOf('\u001b[32m+\u001b[39m \u001b[1mshop\u001b[22m 1\u001b[90mx\u001b[0m', 80)).toEqual([
      [
        { column: 0, text: '+', style: { colour: 'green' } },
        { column: 1, text: ' ', style: {} },
        { column: 2, text: 'shop', style: { bold: true } },
        { column: 6, text: ' 1', style: { bold: false } },
        { column: 8, text: 'x', style: { bold: false, colour: 'gray' } },
      ],
    ])
  })
})

describe('the picture', () => {
  const picture = { rows: screenOf('\u001b[31m<error> & more\u001b[0m', 20), columns: 20, title: 'What a <terminal> shows' }

  test('has a name, its text for those who cannot see it, both palettes, and no markup of what was printed', () => {
    const svg = terminalSvg(picture)
    expect(svg).toContain('<title id="title">What a &lt;terminal&gt; shows</title>')
    expect(svg).toContain('<desc id="desc">&lt;error&gt; &amp; more</desc>')
    expect(svg).toContain('role="img"')
    expect(svg).toContain('prefers-color-scheme:dark')
    expect(svg).toContain('<tspan x="18.0" class="red">&lt;error&gt; &amp; more</tspan>')
  })

  test('docs/terminal.svg is one that this code makes, of commands that exist', () => {
    const svg = readFileSync(new URL('../../docs/terminal.svg', import.meta.url), 'utf8')
    const [head = ''] = terminalSvg(picture).split('<title')
    expect(svg.replace(/(viewBox="0 0 |width="|height=")[\d ]+/g, '$1')).toContain(head.replace(/(viewBox="0 0 |width="|height=")[\d ]+/g, '$1'))
    expect(svg).toContain('$ catalyst update')
    expect(svg).not.toMatch(/INTERNAL|ERR_|\/tmp\/|127\.0\.0\.1/)
  })
})
