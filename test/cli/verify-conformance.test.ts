import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../cli/main.ts'

/*
 * The bundle cases of the Sigstore conformance suite by the command itself, as the suite's runner calls a client: what a case
 * does not bring has the suite's default. Why each case fails is test/registry/provenance/conformance.test.ts.
 */

const SUITE = resolve(import.meta.dirname, '../fixtures/sigstore-conformance')
const IDENTITY = 'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main'
const ISSUER = 'https://token.actions.githubusercontent.com'
const cases = readdirSync(SUITE, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name)

function argumentsOf(name: string): readonly string[] {
  const path = (file: string): string => join(SUITE, name, file)
  const has = (file: string): boolean => existsSync(path(file))
  const read = (file: string, other: string): string => (has(file) ? readFileSync(path(file), 'utf8').trim() : other)
  return [
    'verify', has('artifact') ? path('artifact') : join(SUITE, 'a.txt'),
    '--bundle', path('bundle.sigstore.json'),
    ...(has('trusted_root.json') ? ['--trusted-root', path('trusted_root.json')] : []),
    ...(has('key.pub') ? ['--key', path('key.pub')] : ['--identity', read('identity', IDENTITY), '--issuer', read('issuer', ISSUER)]),
  ]
}

async function exitOf(args: readonly string[]): Promise<number> {
  return main(args, { out: () => undefined, err: () => undefined, colour: false, interactive: false, columns: 80 }, { env: {} })
}

test.each(cases)('%s', async (name) => {
  expect(await exitOf(argumentsOf(name))).toBe(name.endsWith('_fail') ? 5 : 0)
})
