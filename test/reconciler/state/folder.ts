import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { storePaths, type StorePaths } from '../../../reconciler/state/paths.ts'
import { removeWhole } from '../../../reconciler/state/trees.ts'

const made: string[] = []

/** The paths of a store in a new temporary folder, which is removed after the test. */
export function temporaryStore(): StorePaths {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-'))
  made.push(folder)
  return storePaths(folder)
}

afterEach(() => {
  for (const folder of made.splice(0)) removeWhole(folder)
})
