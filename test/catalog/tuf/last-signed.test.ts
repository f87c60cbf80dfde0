import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { stringify } from 'yaml'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sign, signable, stage } from '../../../catalog/tuf/ceremony.ts'
import { changesToSign } from '../../../catalog/tuf/last-signed.ts'
import { bytesOfEnvelope } from '../../../catalog/tuf/metadata.ts'
import { entry, indexFiles } from '../../registry/index-files.ts'
import { PEOPLE, SignedRegistry } from './signed-registry.ts'

let registry: SignedRegistry

beforeEach(async () => {
  registry = await SignedRegistry.open({ files: indexFiles({ erp: ['1.0.0'] }) })
  await registry.signed()
})
afterEach(() => registry.close())

function commit(): void {
  for (const args of [['init', '-q'], ['add', '-A'], ['-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '-qm', 'x']]) execFileSync('git', ['-C', registry.dir, ...args])
}

async function shown(): Promise<readonly string[]> {
  const open = (await signable(registry.dir)).filter(({ data, missingOf }) => missingOf(data) > 0)
  return Promise.all(open.map((file) => changesToSign(registry.dir, file, process.env)))
}

function list(odd: Readonly<Record<string, object>>): void {
  registry.write(Object.fromEntries(Object.entries(odd).map(([id, facts]) => [`entries/${id}.yaml`, stringify(entry(id, facts))])))
}

test('what another maintainer staged is shown as the change that it is, also with more on top of it', async () => {
  commit()
  list({ erp: { publisher: 'mallory' } })
  await stage(registry.dir, registry.now)
  await sign(registry.dir, [PEOPLE.anna])
  commit()
  expect(await shown()).toEqual(['~ entries/erp.yaml'])
  list(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`more-${i}`, {}])))
  await stage(registry.dir, registry.now)
  commit()
  expect((await shown()).flatMap((text) => text.split('  ')).sort()).toEqual(['~ entries/erp.yaml', ...Array.from({ length: 30 }, (_, i) => `+ entries/more-${i}.yaml`)].sort())
})

test('what goes back to an older state is shown against the newest that was signed, not against what was put back', async () => {
  commit()
  const old = (await signable(registry.dir)).map(({ file }) => [file, readFileSync(join(registry.dir, file))] as const)
  list({ erp: { publisher: 'acme-two' } })
  await registry.signed()
  commit()
  for (const [file, bytes] of old) writeFileSync(join(registry.dir, file), bytes)
  list({ erp: {} })
  commit()
  const [bin] = (await signable(registry.dir)).filter(({ data: { signed } }) => signed._type === 'targets' && 'entries/erp.yaml' in signed.targets)
  if (!bin) throw new Error('no bin names the entry')
  writeFileSync(join(registry.dir, bin.file), bytesOfEnvelope({ signed: { ...bin.data.signed, version: 3 }, signatures: [] }))
  commit()
  expect(await shown()).toEqual(['~ entries/erp.yaml'])
})

test('without git, or without a version that enough signed, all of it is named', async () => {
  list({ erp: { publisher: 'two' } })
  await stage(registry.dir, registry.now)
  expect((await shown()).join()).toContain('+ entries/erp.yaml')
})
