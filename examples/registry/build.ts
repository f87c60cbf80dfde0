import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { committedFiles, differences, MADE } from './compare.ts'
import { registryFiles } from './files.ts'

/*
 * `node examples/registry/build.ts` makes this registry anew, with new keys: afterwards the lock of the repository's own
 * store must be made anew too. `--check` makes it in memory and tells whether what is committed is the same.
 */

const made = await registryFiles()
if (process.argv.includes('--check')) check()
else await write()

function check(): void {
  const found = differences(made, committedFiles(import.meta.dirname))
  for (const line of found) console.error(line)
  console.log(found.length === 0 ? `examples/registry is what the script makes: ${made.size} files.` : 'Run node examples/registry/build.ts, lock again, and read the diff.')
  process.exitCode = found.length === 0 ? 0 : 1
}

async function write(): Promise<void> {
  for (const name of MADE) await rm(join(import.meta.dirname, name), { recursive: true, force: true })
  for (const [path, bytes] of made) {
    const target = join(import.meta.dirname, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, bytes)
  }
  console.log(`Wrote ${made.size} files. Next: rm plugins.lock.yaml && npx catalyst lock`)
}
