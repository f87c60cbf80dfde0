import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { removeWhole } from '../../../reconciler/state/trees.ts'
import { worldAt } from './world.ts'

/* Folders that may not be written to: root may always, so the pass runs as nobody. */

const NOBODY = 65534
let room: string
let runner: string
beforeAll(async () => {
  room = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-read-only-'))
  chmodSync(room, 0o755)
  runner = join(room, 'runner.mjs')
  const banner = { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" }
  await build({ entryPoints: [join(import.meta.dirname, 'crash-runner.ts')], bundle: true, platform: 'node', format: 'esm', outfile: runner, banner })
})
afterAll(() => void removeWhole(room))

const isRoot = process.getuid?.() === 0
const runAsNobody = (folder: string, version: string) => {
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  return spawnSync(process.execPath, [runner, folder, JSON.stringify({ wish: { a: { version } } })], { encoding: 'utf8', cwd: room, ...as })
}
const nodeIsReachable = (): boolean => spawnSync(process.execPath, ['-e', '0'], isRoot ? { uid: NOBODY, gid: NOBODY, cwd: '/' } : {}).status === 0

async function installed(): Promise<string> {
  const folder = mkdtempSync(join(room, 'store-'))
  const state = await openSqlite(join(folder, 'store.db'))
  await worldAt(folder, state).apply({ a: { version: '1.0.0' } })
  await state.close()
  return folder
}

test.runIf(nodeIsReachable())('a folder of the store that may not be written to: READ_ONLY, and everything as it was', async () => {
  const folder = await installed()
  for (const path of [folder, join(folder, 'store.db')]) {
    chmodSync(path, 0o777)
    if (isRoot) chownSync(path, NOBODY, NOBODY)
  }
  for (const path of readdirSync(join(folder, '.catalyst'))) if (path === 'trees' || path === 'generations' || path === 'tmp') chmodSync(join(folder, '.catalyst', path), 0o555)
  chmodSync(join(folder, '.catalyst'), 0o555)
  const { stderr, status } = runAsNobody(folder, '2.0.0')
  expect(status).toBe(1)
  expect(stderr).toMatch(/READ_ONLY/)
  expect(JSON.parse(readFileSync(join(folder, '.catalyst/current/a/manifest.json'), 'utf8'))).toMatchObject({ version: '1.0.0' })
})

test.runIf(nodeIsReachable())('a database that may not be written to: READ_ONLY or STATE_UNAVAILABLE, and everything as it was', async () => {
  const folder = await installed()
  chmodSync(join(folder, 'store.db'), 0o444)
  chmodSync(folder, 0o555)
  const { stderr, status } = runAsNobody(folder, '2.0.0')
  chmodSync(folder, 0o755)
  expect(status).toBe(1)
  expect(stderr).toMatch(/READ_ONLY|STATE_UNAVAILABLE/)
  expect(JSON.parse(readFileSync(join(folder, '.catalyst/current/a/manifest.json'), 'utf8'))).toMatchObject({ version: '1.0.0' })
})

