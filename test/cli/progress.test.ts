import { expect, test } from 'vitest'
import { progressTo } from '../../cli/progress.ts'

/** What is shown of these steps, line by line and as drawn over one line. */
function shown(interactive: boolean, quiet = false) {
  const lines: string[] = []
  let drawn = ''
  const progress = progressTo({ out: () => undefined, err: (text) => void lines.push(text), colour: false, interactive, columns: 80 }, quiet, (text) => void (drawn += text))
  for (const event of [{ stage: 'index' }, { stage: 'fetch', done: 1, total: 2 }, { stage: 'fetch', done: 2, total: 2 }, { stage: 'verify' }] as const) progress(event)
  progress.end()
  return { lines, drawn }
}

test('in a log: each stage once, in words, and nothing that moves a cursor', () => {
  expect(shown(false)).toEqual({ lines: ['reading registries…', 'fetching…', 'verifying signatures…'], drawn: '' })
})

test('where a person watches: one line that is drawn over itself, and gone at the end', () => {
  const { lines, drawn } = shown(true)
  expect(lines).toEqual([])
  expect(drawn).toMatch(/^\r\u001b\[2K\S reading registries 1/)
  expect(drawn).not.toContain('\n')
  expect(drawn.endsWith('\r\u001b[2K')).toBe(true)
})

test('for machines: nothing', () => {
  expect([shown(false, true), shown(true, true)]).toEqual(Array.from({ length: 2 }, () => ({ lines: [], drawn: '' })))
})
