import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')

test('npm start tells the whole story and ends with 0', async () => {
  const { stdout } = await run(process.execPath, ['examples/demo.ts'], { cwd: ROOT, env: { ...process.env, NO_COLOR: '1' }, maxBuffer: 1 << 24 })
  const told = [
    'google-analytics waits', //            nobody has said what it may do
    'Wrote plugins.lock.yaml: 5 plugins',
    'Plan: 5 to install',
    '5 applied. Generation 2 is live.',
    'No changes. 5 plugins as wanted', //   law 1
    'stripe-payments 2.2.0 is kept back', // asks for more than its grant
    'SUBJECT_MISMATCH', //                  the swapped bundle
    'stripe-payments 2.1.0 -> 2.1.1', //    and the others go on
    'product-feed 1.0.0  removed',
    'stripe-payments 2.1.1 -> 2.1.0', //    undone
    'was rolled back and is not taken again by itself',
    'breaking     migration 0003_rename_order_id', // consent to a change of tables
    'ran          0003_rename_order_id, 0004_drop_email',
    'undid 0004_drop_email, 0003_rename_order_id by their downs',
    'ada order_id=o-1001, bob order_id=o-1002; 131 points',
    'loyalty-points 1.1.0  removed', //     its tables stay
    'asks         tables (3: 8 rows',
    'loyalty-points 1.1.0  decided', //     the answer
    'loyalty-points 1.1.0  attached again',
    'ada order_id=o-1001, bob order_id=o-1002; 131 points',
    'while GitHub is gone',
    'That was the whole loop',
  ]
  let from = 0
  for (const words of told) {
    const at = stdout.indexOf(words, from)
    expect(at, `"${words}" in the story, after what came before`).toBeGreaterThanOrEqual(0)
    from = at
  }
})
