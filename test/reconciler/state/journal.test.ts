import { appendFileSync, existsSync, mkdirSync, symlinkSync, truncateSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openJournal, readJournal } from '../../../reconciler/state/journal.ts'
import { T0 } from '../../contracts/records.ts'
import { temporaryStore } from './folder.ts'

describe('journal', () => {
  test('no journal: nothing is under way', () => {
    expect(readJournal(temporaryStore().journal)).toEqual({ lines: [], open: [] })
  })

  test('an intent is open until the same key was observed', () => {
    const { journal: path } = temporaryStore()
    const journal = openJournal(path)
    journal.intent('apply', T0, { plan: 'x' })
    journal.intent('activate:2', T0)
    expect(readJournal(path).open.map((line) => line.key)).toEqual(['apply', 'activate:2'])
    journal.observed('activate:2', T0)
    expect(readJournal(path).open).toEqual([{ kind: 'intent', key: 'apply', at: T0, details: { plan: 'x' } }])
    journal.clear()
    expect(existsSync(path)).toBe(false)
  })

  test('a torn last line counts as not written, at whatever byte it was torn, and the next line still stands', () => {
    const { journal: path } = temporaryStore()
    openJournal(path).intent('apply', T0)
    const whole = readFileSync(path).length
    openJournal(path).intent('activate:2', T0)
    const both = readFileSync(path).length
    for (let size = both - 2; size >= whole; size--) {
      truncateSync(path, size)
      expect(readJournal(path).open.map((line) => line.key)).toEqual(['apply'])
    }
    truncateSync(path, whole - 5)
    openJournal(path).intent('repair', T0)
    expect(readJournal(path).open.map((line) => line.key)).toEqual(['repair'])
  })

  test('foreign content is left out, never fatal', () => {
    const { journal: path } = temporaryStore()
    openJournal(path).intent('apply', T0)
    appendFileSync(path, '{"kind":"other","key":"x"}\n[]\nnull\n7\n\u0000\u0000\n')
    expect(readJournal(path).open.map((line) => line.key)).toEqual(['apply'])
  })

  test('a full disk is said so', () => {
    expect(() => openJournal('/dev/full').intent('apply', T0)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }))
  })

  test('nothing is written through a link in its place', () => {
    const paths = temporaryStore()
    mkdirSync(paths.root)
    const other = join(paths.store, 'other')
    symlinkSync(other, paths.journal)
    expect(() => openJournal(paths.journal).intent('apply', T0)).toThrow(expect.objectContaining({ code: 'FILE_UNREADABLE' }))
    expect(existsSync(other)).toBe(false)
  })
})
