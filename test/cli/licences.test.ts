import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { licencesOf } from '../../cli/licences.ts'

/* What others wrote is passed on with their licence, or not at all. */

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'catalyst-licences-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function bundled(name: string, license: string | undefined, files: Record<string, string> = { LICENSE: `Copyright ${name}` }): string {
  const folder = join(dir, 'node_modules', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', license }))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return join(folder, 'lib/index.js')
}

test('each package once, with its text and its notice; files of ours are not named', () => {
  const text = licencesOf([bundled('b', 'MIT'), bundled('@scope/a', 'Apache-2.0', { 'license.md': 'Apache', NOTICE: 'Made by A' }), join(dir, 'node_modules/b/other.js'), 'cli/main.ts'])
  expect(text.match(/^b 1\.0\.0 \(MIT\)$/gm)?.length).toBe(1)
  expect(text).toMatch(/^@scope\/a 1\.0\.0 \(Apache-2\.0\)\n\nApache\n\nMade by A$/m)
  expect(text).toContain('Copyright b')
  expect(text).not.toContain('main.ts')
})

test('packages with one text stand above it together, in any order of the inputs', () => {
  const inputs = [bundled('x', 'MIT', { LICENSE: 'same' }), bundled('y', 'MIT', { LICENCE: 'same' })]
  expect(licencesOf(inputs)).toMatch(/x 1\.0\.0 \(MIT\)\ny 1\.0\.0 \(MIT\)\n\nsame/)
  expect(licencesOf(inputs.toReversed())).toBe(licencesOf(inputs))
})

test('a package within a package counts as itself', () => {
  expect(licencesOf([bundled('outer/node_modules/inner', 'ISC')])).toContain('outer/node_modules/inner 1.0.0 (ISC)')
})

test.each([['GPL-3.0-only'], ['SSPL-1.0'], ['SEE LICENSE IN LICENSE'], [undefined]])('%s is not bundled', (license) => {
  expect(() => licencesOf([bundled('strict', license)])).toThrow(/strict 1\.0\.0 has the licence/)
})
