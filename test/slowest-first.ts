import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BaseSequencer, type TestSpecification, type Vitest } from 'vitest/node'

/** Files that take ten seconds and more of a quiet machine, the longest first. */
const SLOW = [
  'bench/bench', 'reconciler/apply/crash-data', 'reconciler/apply/crash', 'cli/data', 'examples/store-repo', 'packaging', 'reconciler/apply/data-groups', 'reconciler/apply/data-removals',
  'reconciler/tables/postgres-crash', 'reconciler/apply/data-rollback', 'cli/attack-lock', 'reconciler/tables/postgres-confined',
].map((name) => join(import.meta.dirname, `${name}.test.ts`))

/**
 * The slowest files start first, so that none runs alone while the other processors have nothing left to do. Vitest itself
 * knows how long a file took only on a machine that ran it before.
 */
export default class SlowestFirst extends BaseSequencer {
  constructor(vitest: Vitest) {
    super(vitest)
    const gone = SLOW.filter((file) => !existsSync(file))
    if (gone.length > 0) throw new Error(`${import.meta.filename} names what is not there: ${gone.join(', ')}`)
  }

  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => SLOW.indexOf(moduleId) >>> 0
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}
