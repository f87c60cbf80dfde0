import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres, type PostgresProcess } from './postgres-process.ts'
import { ASK_AT } from './postgres-server.ts'

/**
 * Around a whole test run: one PostgreSQL server for all test files, started when the first of them asks for it. A run
 * that asks for none has a socket in a temporary folder and nothing else.
 */
export default async function postgresOnce(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-ask-'))
  let server: Promise<PostgresProcess> | undefined
  const desk = createServer((_, answer) => {
    server ??= startPostgres()
    server.then(
      ({ adminUrl }) => answer.end(adminUrl),
      (error: unknown) => answer.writeHead(500).end(String(error)),
    )
  })
  const socket = join(folder, 'ask')
  await new Promise<void>((done) => desk.listen(socket, done))
  desk.unref()
  process.env[ASK_AT] = socket
  const leave = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', leave)
  return async () => {
    desk.close()
    desk.closeAllConnections()
    leave()
    await server?.then((s) => s.remove(), () => undefined)
  }
}
