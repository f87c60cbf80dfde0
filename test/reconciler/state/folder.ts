import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { storePaths, type StorePaths } from '../../../reconciler/state/paths.ts'
import { removeWhole } from '../../../reconciler/state/trees.ts'

/** The paths of a store in a new temporary folder, which is removed after the test. */
export function temporaryStore(): StorePaths {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-'))
  onTestFinished(() => void removeWhole(folder))
  return storePaths(folder)
}
