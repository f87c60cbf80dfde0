import { expect, test } from 'vitest'
import { whyCommand } from '../../cli/commands/why.ts'
import type { CommandContext } from '../../cli/command.ts'
import { block, desired, lockOf } from '../builders/store.ts'

/* A lock is foreign text: how its plugins hang together, and what they are called from, is chosen by their publishers. */

const contextOf = (wish: Parameters<typeof desired>[0], lock: ReturnType<typeof lockOf>): CommandContext =>
  ({ house: { files: { readDesired: async () => ({ desired: desired(wish) }), readLock: async () => lock } }, paint: (_tone: string, text: string) => text }) as unknown as CommandContext

test('forty layers of two plugins that need both of the next: a million million ways that lead elsewhere are not walked', async () => {
  const layer = (n: number): Record<string, string> => (n < 40 ? { [`a${n}`]: '*', [`b${n}`]: '*' } : {})
  const layers = Array.from({ length: 40 }, (_, n) => ['a', 'b'].map((side) => [`${side}${n}`, block(`${side}${n}`, '1.0.0', { dependencies: layer(n + 1) })] as const))
  const lock = lockOf({ ...Object.fromEntries(layers.flat()), z: block('z') })
  expect((await whyCommand(contextOf({ a0: {}, z: {} }, lock), { id: 'z' })).result).toMatchObject({ paths: [['z']] })
  expect((await whyCommand(contextOf({ a0: {} }, lock), { id: 'b39' })).result).toMatchObject({ paths: { length: 20 } })
})

test('an address with terminal escapes in it is shown, never obeyed', async () => {
  const url = 'https://github.com\u001b[2J\u202e.example/acme/a'
  const lock = lockOf({ a: block('a', '1.0.0', { repository: { url, id: 1, ownerId: 2 } }) })
  expect((await whyCommand(contextOf({ a: {} }, lock), { id: 'a' })).text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
})
