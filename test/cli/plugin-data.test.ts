import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { newDatabase } from '../postgres-server.ts'

const MODULE = pathToFileURL(join(import.meta.dirname, '../../cli/plugin-data.ts')).href

/** Everything that connects, then `close`. The process ends by itself when nothing is left open. */
const SCRIPT = `
const { openPluginData } = await import(${JSON.stringify(MODULE)})
const data = await openPluginData(process.env.ADDRESS, ${JSON.stringify(join(tmpdir(), 'catalyst-no-such-folder'))})
console.log((await data.tables.inventory(['a'], 'estimate')).size, (await data.tables.applied()).length, (await data.backups.list()).length)
await data.close()`

test('closed data of plugins keeps no process running, though migrations and backups have connections of their own', async () => {
  const database = await newDatabase()
  try {
    for (const address of [database.url, ':memory:']) {
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', SCRIPT], { env: { ADDRESS: address }, timeout: 200_000 })
      expect(stdout).toBe('1 0 0\n')
    }
  } finally {
    await database.drop()
  }
})
