import { appendFile, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isScope, SCOPES } from '../../api/auth/scopes.ts'
import { newToken } from '../../api/auth/tokens.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { readTokens, tokenRowYaml } from '../../schemas/tokens.ts'
import type { Command } from '../command.ts'
import type { RegistryContext } from '../compose-registry.ts'

const MAX_DAYS = 366
const DAY_MS = 86_400_000
const HEAD = '# Tokens of maintainers: digests, never the tokens themselves. Take a line out to revoke its token.\ntokens:\n'

/** `catalyst registry token NAME --scope S --file FILE`: makes a token, writes its digest into the file, and shows it this once. */
export const tokenCommand: Command<{ readonly name: string; readonly scope: readonly string[]; readonly days: number; readonly file: string }, RegistryContext> = async ({ registry }, { name, scope, days, file }) => {
  const unknown = scope.find((one) => !isScope(one))
  if (unknown !== undefined) throw new CatalystError('USAGE', `there is no scope ${unknown}`, { hint: `Scopes: ${Object.entries(SCOPES).map(([one, what]) => `${one} (${what})`).join('; ')}.` })
  if (!Number.isSafeInteger(days) || days < 1 || days > MAX_DAYS) throw new CatalystError('USAGE', `--days must be 1 to ${MAX_DAYS}: a token that nobody renews must end`)
  const path = resolve(file)
  const { token, sha256 } = newToken()
  const expires = new Date(Date.parse(registry.now()) + days * DAY_MS).toISOString().replace(/\.\d+Z$/, 'Z')
  await addRow(path, tokenRowYaml({ name, sha256, scopes: scope.filter(isScope), expires }))
  return { exit: 0, text: `${token}\n\nKeep it now: ${file} has only its digest. It may ${scope.join(', ')} until ${expires}.`, result: { name, token, scopes: scope, expires, file } }
}

/** Adds a line to the file, and makes sure before that it will be read afterwards. */
async function addRow(path: string, row: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new CatalystError('FILE_UNREADABLE', `${path} cannot be read (${error.code})`, { cause: error })
  })
  const added = before === undefined ? HEAD + row : before.endsWith('\n') ? row : `\n${row}`
  readTokens((before ?? '') + added, path)
  await appendFile(path, added, { mode: 0o600 })
}
