import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { inspect } from '../../cli/inspect.ts'
import { codeOf, openInspections } from '../../cli/inspections.ts'
import { packPlugin } from '../../examples/world/package.ts'
import { openJudge } from '../../validator/judge.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'inspections-'))))
afterEach(() => rmSync(dir, { recursive: true }))

const FILE = 'a-1.0.0.tgz'
// With a finding, so that places survive the way through JSON too.
const archive = packPlugin({ id: 'a', version: '1.0.0', files: { 'index.js': 'eval("1")\nexport function createPlugin() {}\n' } })
const inspected = await inspect(archive, FILE, openJudge())
const onlyFile = (): string => join(dir, readdirSync(dir)[0] ?? '')

describe('remembered inspections', () => {
  test('are recalled as they were', () => {
    openInspections(dir, 'CODE0001').remember(archive, FILE, inspected)
    expect(inspected.findings.length).toBeGreaterThan(0)
    expect(openInspections(dir, 'CODE0001').recall(archive, FILE)).toEqual(inspected)
  })

  test('answer for no other code, bytes or name', () => {
    openInspections(dir, 'CODE0001').remember(archive, FILE, inspected)
    expect(openInspections(dir, 'CODE0002').recall(archive, FILE)).toBeUndefined()
    expect(openInspections(dir, 'CODE0001').recall(packPlugin({ id: 'a', version: '1.0.1' }), FILE)).toBeUndefined()
    expect(openInspections(dir, 'CODE0001').recall(archive, 'b-1.0.0.tgz')).toBeUndefined()
  })

  test('are not kept from sources, which change without a new name', () => {
    const inspections = openInspections(join(dir, 'none'), codeOf(import.meta.url))
    inspections.remember(archive, FILE, inspected)
    expect(inspections.recall(archive, FILE)).toBeUndefined()
    expect(readdirSync(dir)).toEqual([])
  })

  test.each<[string, (text: string) => string]>([
    ['cut off', (text) => text.slice(0, 60)],
    ['of another question', (text) => text.replace(/"question":"sha256:[0-9a-f]{8}/, '"question":"sha256:00000000')],
    ['without findings', (text) => text.replace('"findings":', '"finding":')],
    ['without a tree', (text) => text.replace('"treeDigest":', '"tree":')],
    ['null', (text) => text.replace(/"answer":.*$/, '"answer":null}')],
  ])('that are %s are forgotten', (_, change) => {
    const inspections = openInspections(dir, 'CODE0001')
    inspections.remember(archive, FILE, inspected)
    const before = readFileSync(onlyFile(), 'utf8')
    expect(change(before)).not.toBe(before)
    writeFileSync(onlyFile(), change(before))
    expect(inspections.recall(archive, FILE)).toBeUndefined()
  })
})

test('a bundled file is named by its content, a source file is not', () => {
  expect(codeOf('file:///x/dist/core-42798a02.cjs')).toBe('42798a02')
  expect(codeOf('file:///x/dist/catalyst.cjs')).toBeUndefined()
  expect(codeOf('file:///x/cli/proofs.ts')).toBeUndefined()
})
