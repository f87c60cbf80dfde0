import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { treeDiff } from '../../../reconciler/state/tree-diff.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'catalyst-tree-diff-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function trees(proven: Record<string, string | Buffer>, altered: Record<string, string | Buffer>): string {
  for (const [name, files] of Object.entries({ proven, altered })) {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(dir, name, path, '..'), { recursive: true })
      writeFileSync(join(dir, name, path), text)
    }
  }
  return treeDiff(join(dir, 'proven'), join(dir, 'altered'))
}

const lines = (count: number): string => Array.from({ length: count }, (_, i) => `line ${i + 1}`).join('\n')

test('lines of the release with -, altered ones with +, three around them', () => {
  expect(trees({ 'a.js': lines(20), 'same.js': 'x' }, { 'a.js': lines(20).replace('line 10', 'evil()'), 'same.js': 'x' })).toBe(
    ['--- proven/a.js', '+++ altered/a.js', '@@', ' line 7', ' line 8', ' line 9', '-line 10', '+evil()', ' line 11', ' line 12', ' line 13', '@@'].join('\n').replace('+++ altered/a.js\n@@', '+++ altered/a.js'),
  )
})

test('a file that is missing, one that is new, one that is not text, one that is too large', () => {
  const told = trees({ 'gone.js': 'x', 'b.bin': Buffer.from([0, 1]), 'big.js': 'x'.repeat(70_000) }, { 'deep/new.js': 'evil()', 'b.bin': Buffer.from([0, 2]), 'big.js': `${'x'.repeat(69_999)}y` })
  expect(told).toContain('--- proven/gone.js\n    missing')
  expect(told).toContain('+++ altered/deep/new.js\n    not in the release\n+evil()')
  expect(told).toContain('+++ altered/b.bin\n    differs, and is not text')
  expect(told).toContain('+++ altered/big.js\n    differs, and is not text')
})

test('a link is not followed', () => {
  writeFileSync(join(dir, 'secret'), 'a secret')
  trees({ 'a.js': 'x' }, {})
  mkdirSync(join(dir, 'altered'), { recursive: true })
  symlinkSync(join(dir, 'secret'), join(dir, 'altered/a.js'))
  const told = treeDiff(join(dir, 'proven'), join(dir, 'altered'))
  expect(told).toContain('+++ altered/a.js')
  expect(told).not.toContain('a secret')
})

test('what differs in very many lines is cut', () => {
  const told = trees({ 'a.js': lines(1000) }, { 'a.js': lines(1000).replaceAll('line', 'evil') }).split('\n')
  expect(told.length).toBeLessThan(410)
  expect(told.at(-1)).toMatch(/^ {4}and \d+ more lines$/)
})

test('nothing for trees that are the same', () => expect(trees({ 'a.js': 'x' }, { 'a.js': 'x' })).toBe(''))
