import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryStore } from '../state/folder.ts'
import type { Wish } from './world.ts'

/* What must be on the disk before what, so that a power cut at any moment leaves nothing that the next pass cannot finish or undo. */

const TRACE = pathToFileURL(join(import.meta.dirname, '../../builders/trace-files.mjs')).href
const RUNNER = join(import.meta.dirname, 'durable-runner.ts')

/** The file calls and boundaries of one pass, in their order, with the store's folder left out. */
function traced(store: string, wish: Wish): readonly string[] {
  const { status, output, stderr } = spawnSync(process.execPath, ['--import', TRACE, RUNNER, store, JSON.stringify(wish)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  if (status !== 0) throw new Error(stderr)
  return String(output[3]).trimEnd().split('\n').map((line) => line.replaceAll(`${store}/`, ''))
}

/** Asserts that calls that match come one after the other. */
function inOrder(calls: readonly string[], ...wanted: readonly RegExp[]): void {
  let from = 0
  for (const pattern of wanted) {
    const at = calls.findIndex((call, i) => i >= from && pattern.test(call))
    expect(at, `${pattern} after ${calls[from - 1] ?? 'the start'} in\n${calls.join('\n')}`).toBeGreaterThanOrEqual(0)
    from = at + 1
  }
}

test('an intent is on the disk before its effect, and the stamp is gone before the intent', () => {
  const { store } = temporaryStore()
  const calls = traced(store, { a: { version: '1.0.0' } })
  inOrder(calls, /^remove \.catalyst\/stamp/, /^at stamp-removed/, /^fsync \.catalyst\/journal/, /^at intent/, /^rename .*trees/, /^fsync \.catalyst\/journal/, /^at activating/, /^rename \.catalyst\/current\.next \.catalyst\/current$/, /^at recorded/, /^remove \.catalyst\/journal/)
})

test('a backup is on the disk, and read back, before a removal is recorded', () => {
  const { store } = temporaryStore()
  traced(store, { a: { version: '1.0.0' }, b: { version: '1.0.0' } })
  mkdirSync(join(store, 'plugin-data/a'), { recursive: true })
  writeFileSync(join(store, 'plugin-data/a/notes.txt'), 'kept\n')
  const calls = traced(store, { b: { version: '1.0.0' } })
  const made = /plugin-data\/\.backups\/[^/]*/
  inOrder(
    calls,
    /^fsync \.catalyst\/journal/,
    /^at begun backup:a/,
    new RegExp(`^fsync ${made.source}/data`), // a part
    new RegExp(`^fsync ${made.source}/manifest\\.json`), // what holds the digests of all parts
    new RegExp(`^fsync ${made.source}$`), // their names
    new RegExp(`^rename ${made.source} ${made.source}$`),
    /^fsync plugin-data\/\.backups$/, // its own name
    /^at done backup:a/,
    /^at recorded/,
  )
})
