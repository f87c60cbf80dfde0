import { cpSync, symlinkSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { runProcess } from './process.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** What a fresh clone does not have: what git leaves out, and git's own folder. */
const NOT_CLONED = /^(\.git|\.catalyst|dist|coverage|(.*\/)?node_modules|.*\.db(-wal|-shm)?|.*\.tgz)$/

/**
 * A fresh clone of this repository as it stands in the working tree, after `npm install`: the packages are those of the
 * repository itself, the bundle is built there. Returns its folder.
 */
export async function builtClone(dir: string): Promise<string> {
  const clone = join(dir, 'clone')
  const kept = (path: string): boolean => {
    const name = relative(ROOT, path)
    return name.startsWith('examples/registry/') || !NOT_CLONED.test(name)
  }
  cpSync(ROOT, clone, { recursive: true, filter: kept })
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
  const { exit, err } = await runProcess([process.execPath, 'cli/build.ts'], { cwd: clone, env: { PATH: process.env.PATH } })
  if (exit !== 0) throw new Error(`the bundle could not be built: ${err}`)
  return clone
}
