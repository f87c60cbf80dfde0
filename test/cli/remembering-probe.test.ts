import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { rememberingProbe } from '../../cli/remembering-probe.ts'
import type { Probe, ProbedPlugin } from '../../reconciler/ports.ts'
import { sha256 } from '../../schemas/digest.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'probes-'))))
afterEach(() => rmSync(dir, { recursive: true }))

const PLUGIN: ProbedPlugin = { id: 'a', version: '1.0.0', dir: '/store/a', tree: sha256('a'), main: 'index.js', type: 'generic', publisher: 'p' }

/** A probe that counts, remembered as code `code`; `ill` ones do not start. */
function counting(code: string | undefined, ill = false): { readonly run: (odd?: Partial<ProbedPlugin>) => Promise<void>; readonly asked: () => number } {
  let asked = 0
  const probe: Probe = {
    async run() {
      asked += 1
      if (ill) throw new Error('did not start')
    },
  }
  const remembering = rememberingProbe(probe, dir, code)
  return { run: (odd) => remembering.run({ ...PLUGIN, ...odd }, {}), asked: () => asked }
}

test('what has started is not started again, in another store and by another publisher neither', async () => {
  await counting('CODE0001').run()
  const later = counting('CODE0001')
  await later.run({ dir: '/other-store/a', publisher: undefined })
  expect(later.asked()).toBe(0)
})

test.each<[string, string | undefined, Partial<ProbedPlugin>]>([
  ['another tree', 'CODE0001', { tree: sha256('b') }],
  ['another file to start', 'CODE0001', { main: 'other.js' }],
  ['another promise', 'CODE0001', { type: 'tax' }],
  ['another name', 'CODE0001', { id: 'b' }],
  ['another probe', 'CODE0002', {}],
  ['a probe from sources, whose name does not tell its content', undefined, {}],
])('%s is asked', async (_, code, odd) => {
  await counting('CODE0001').run()
  const later = counting(code)
  await later.run(odd)
  expect(later.asked()).toBe(1)
})

test('what did not start is asked again', async () => {
  await expect(counting('CODE0001', true).run()).rejects.toThrow('did not start')
  const later = counting('CODE0001')
  await later.run()
  expect(later.asked()).toBe(1)
})

test('an answer that was altered counts for nothing', async () => {
  await counting('CODE0001').run()
  const [name = ''] = readdirSync(dir)
  const file = join(dir, name)
  const text = readFileSync(file, 'utf8')
  for (const other of [text.replace('true', '"yes"'), text.replace('"question":"sha256:', '"question":"sha256:0'), text.slice(0, 40), 'null', '']) {
    expect(other).not.toBe(text)
    writeFileSync(file, other)
    const later = counting('CODE0001')
    await later.run()
    expect(later.asked()).toBe(1)
  }
})
