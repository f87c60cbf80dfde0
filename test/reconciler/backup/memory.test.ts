import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Ground } from './ground.ts'

/* What the bench shows for a million rows, small enough for every run: memory does not grow with the table. */

async function peakKilobytes(rows: number): Promise<number> {
  const ground = await Ground.make()
  try {
    ground.sql(`CREATE TABLE plg_loyalty_points__t (a INTEGER PRIMARY KEY, b TEXT, c BLOB)`)
    ground.sql(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO plg_loyalty_points__t SELECT i, hex(randomblob(500)), randomblob(2000) FROM n`)
    const program = join(import.meta.dirname, 'measured-process.ts')
    return Number(execFileSync(process.execPath, [program, ground.path, ground.dataDir, String(ground.fence.token)], { encoding: 'utf8' }))
  } finally {
    ground.remove()
  }
}

test('150 MB of rows take hardly more memory than none', async () => {
  const none = await peakKilobytes(1)
  const many = await peakKilobytes(50_000)
  expect(many - none).toBeLessThan(75_000)
})
