import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'

/** Before any test: the bundle is made from today's sources, for the tests that start the published command. */
export default function bundle(): void {
  const root = resolve(import.meta.dirname, '..')
  execFileSync(process.execPath, [resolve(root, 'cli/build.ts')], { cwd: root, stdio: 'inherit' })
}
