import * as Type from 'typebox'
import { about, Closed, Instant, Sha256 } from './common.ts'
import { parseYaml } from './yaml.ts'
import { validated } from './validate.ts'

/** One token of a maintainer: its digest, never the token. */
export const TokenRow = Closed({
  name: Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,39}$', description: 'Whose it is: stands in the audit' }),
  sha256: about(Sha256, 'Digest of the token'),
  scopes: Type.Array(Type.Enum(['ingest', 'yank', 'advise', 'decide', 'audit']), { minItems: 1, uniqueItems: true }),
  expires: Instant,
})
export type TokenRow = Type.Static<typeof TokenRow>

/** The file of maintainers' tokens that `registry serve --tokens` reads. */
export const TokenFile = Closed({ tokens: Type.Array(TokenRow, { maxItems: 1_000 }) }, { title: 'Catalyst registry tokens' })

/** Reads a file of tokens. Pure. @throws CatalystError with all problems and their places */
export function readTokens(bytes: Uint8Array | string, file: string): readonly TokenRow[] {
  return validated(TokenFile, parseYaml(bytes, file)).tokens
}

/** One row as a line of the file, with its line end. */
export function tokenRowYaml({ name, sha256, scopes, expires }: TokenRow): string {
  return `  - { name: ${JSON.stringify(name)}, sha256: ${JSON.stringify(sha256)}, scopes: [${scopes.join(', ')}], expires: ${JSON.stringify(expires)} }\n`
}
