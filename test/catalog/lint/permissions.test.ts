import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { lintRegistry } from '../../../catalog/lint/lint.ts'
import { writeYaml } from '../../../schemas/plain-yaml.ts'
import type { RegistryEntry } from '../../../schemas/registry-entry.ts'
import { entry } from '../../builders/catalog.ts'

/* Wide permissions are held for a person when they are asked for, whether in a new entry or a merged one. */

const dir = mkdtempSync(join(tmpdir(), 'catalyst-lint-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
mkdirSync(join(dir, 'entries'))
writeFileSync(join(dir, 'registry.yaml'), 'apiVersion: catalyst.dev/v1\nkind: Registry\nname: official\n')

const PATH = 'entries/sms.yaml'
const narrow = writeYaml(entry('sms', { permissions: { api: ['a.example'] } }))
const wide = (odd: Partial<RegistryEntry> = {}) => writeYaml(entry('sms', { permissions: { api: ['*.com'] }, ...odd }))

/** The severity of each finding on permissions. */
async function lint(now: string, before: string | undefined, hasBase = true): Promise<readonly string[]> {
  writeFileSync(join(dir, PATH), now)
  const base = new Map(before === undefined ? [] : [[PATH, Buffer.from(before)]])
  const { problems } = await lintRegistry(dir, hasBase ? { base } : {})
  return problems.filter(({ code }) => code === 'PERMISSIONS_WIDE').map(({ severity }) => severity ?? 'error')
}

test.each<[string, string, string | undefined, readonly string[]]>([
  ['a new entry that asks for much is held', wide(), undefined, ['error']],
  ['so is a merged one that asks for it later', wide(), narrow, ['error']],
  ['or one that nobody could read before', wide(), 'id: [', ['error']],
  ['a merged one that changes otherwise is told of', wide({ description: 'new words' }), wide(), ['warning']],
  ['the same permissions in other words are no change', wide({ permissions: { api: ['*.com:443'] } }), wide(), ['warning']],
  ['what asks for little is not', narrow, wide(), []],
])('%s', async (_name, now, before, severities) => expect(await lint(now, before)).toEqual(severities))

test('without a before nothing is held', async () => expect(await lint(wide(), undefined, false)).toEqual(['warning']))
