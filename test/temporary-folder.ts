import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeWhole } from '../reconciler/state/trees.ts'

/**
 * Around a whole test run: what tests put into the folder for temporary files lies in one folder that goes with the run. The
 * runner kills its processes, so nothing that they would do at their end is done.
 */
export default function temporaryFolder(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-tests-'))
  // The database server has a user of its own, and must get through.
  chmodSync(folder, 0o711)
  process.env['TMPDIR'] = folder
  return () => void removeWhole(folder)
}
