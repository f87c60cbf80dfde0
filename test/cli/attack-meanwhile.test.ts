import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { storePaths } from '../../reconciler/state/paths.ts'
import { checkStamp } from '../../reconciler/state/stamp.ts'
import { quickSerial } from '../../reconciler/store-db/serial.ts'
import { toolVersion } from '../../cli/version.ts'
import { Shop } from './shop.ts'

/* Files and records may change between the look and the act: what was not looked at is never done, and never called done. */

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  await shop.release('b', '1.0.0')
  shop.want({ a: { version: '^1.0.0' }, b: { version: '^1.0.0' } })
  expect((await shop.json('lock')).exit).toBe(0)
})
afterEach(() => shop.close())

/** Runs a command and lets the world change once it has gone so far. */
async function changedAt(boundary: string, command: string, change: () => void | Promise<unknown>) {
  let changes: unknown
  const answer = await shop.json(command, { onBoundary: (name) => void (name === boundary && (changes ??= change() ?? true)) })
  await changes
  expect(changes).toBeDefined()
  return answer
}

/** What the quick answer to `plan` would be. */
const quick = () => checkStamp(storePaths(shop.dir), { tool: toolVersion(), files: ['plugins.yaml', 'plugins.lock.yaml'].map((name) => join(shop.dir, name)) }, new Date().toISOString(), quickSerial)

describe('git moves on while an apply is running', () => {
  test('when nothing moves, the next pass has nothing to do', async () => {
    expect((await shop.json('apply')).exit).toBe(0)
    expect(quick()).toMatchObject({ fresh: true })
  })

  test.each(['leased', 'activated', 'cleared'])('plugins.yaml, at %s: the next pass looks at it', async (boundary) => {
    expect((await changedAt(boundary, 'apply', () => shop.want({ a: { version: '^1.0.0', enabled: false }, b: { version: '^1.0.0' } }))).exit).toBe(0)
    expect(quick()).toMatchObject({ fresh: false })
    expect((await shop.json('plan')).result.changes).toMatchObject([{ id: 'a', action: 'configure' }])
  })

  test('to something that cannot be read: the apply that was under way is still told as it went', async () => {
    expect((await changedAt('cleared', 'apply', () => shop.write('plugins.yaml', 'plugins: [')))).toMatchObject({ exit: 0, result: { generation: 1 } })
    expect(quick()).toMatchObject({ fresh: false })
  })
})
