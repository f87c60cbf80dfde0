import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Shop, type Answer } from './shop.ts'

/** Every byte below a folder, with its path. */
function everyByte(dir: string): readonly (readonly [string, Buffer])[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .map((path) => [path, readFileSync(path)] as const)
}

test('law 8: a secret reaches no file that we write, no output and no error', async () => {
  const shop = await Shop.open()
  const canaries = ['canary-from-the-environment', 'canary-written-by-mistake', 'ghp_canaryTokenOfGitHub0000000000000000']
  shop.env['PAY_KEY'] = canaries[0]
  shop.env['GITHUB_TOKEN'] = canaries[2]
  await shop.release('pay', '1.0.0')
  const config = { key: '${env:PAY_KEY}', literal: canaries[1] }
  const answers: Answer[] = []
  const all = async (...commands: string[]): Promise<void> => {
    for (const command of commands) answers.push(await shop.json(command), await shop.run(command))
  }
  shop.want({ pay: { config } })
  await all('lock', 'plan', 'plan --markdown', 'apply', 'status', 'why pay', 'outdated', 'generations')
  shop.want({ pay: { config: { ...config, more: 1 }, version: 'nonsense' } })
  await all('lock', 'plan', 'apply')
  shop.want({ pay: { config: { ...config, more: 1 } } })
  await all('apply', 'rollback', 'gc', 'lease')
  const said = answers.map((a) => `${a.out}${a.err}`).join('\n')
  for (const canary of canaries) {
    expect(said.includes(canary), `${canary} was printed`).toBe(false)
    const leaked = everyByte(shop.dir).filter(([path, bytes]) => !path.endsWith('/plugins.yaml') && bytes.includes(canary))
    expect(leaked.map(([path]) => path)).toEqual([])
  }
  await shop.close()
})
