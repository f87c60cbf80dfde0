import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main } from '../../cli/main.ts'
import { Shop } from './shop.ts'

/* Law 8: what people wrote where it does not belong, and what references lead to, is in no lock, state, log, plan or error. */

const SECRET = 'Hunter2Secret'

describe('an error does not show the secret that stands at its place', () => {
  let dir: string
  beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'catalyst-secrets-'))))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  const head = 'apiVersion: catalyst.dev/v1\nkind: PluginSet\nstore:\n  id: x\n'
  const config = (text: string): string => `${head}plugins:\n  a:\n    config:\n${text}\n`
  const files: readonly (readonly [what: string, file: string, code: string])[] = [
    ['a reference with a bad name', config(`      password: ${SECRET} \${env:BAD NAME}`), 'INVALID_VALUE'],
    ['something that only looks like a reference', config(`      key: "\${${SECRET}"`), 'INVALID_VALUE'],
    ['a reference of no known kind', config(`      key: "\${${SECRET}:x}"`), 'INVALID_VALUE'],
    ['a config that is no mapping', `${head}plugins:\n  a:\n    config: ${SECRET}\n`, 'WRONG_TYPE'],
    ['a tab', config(`\t  key: ${SECRET}`), 'YAML_TAB'],
    ['a key twice', config(`      key: x\n      key: ${SECRET}`), 'YAML_DUPLICATE_KEY'],
    ['two colons', config(`      key: ${SECRET}: x: y`), 'YAML_SYNTAX'],
    ['an anchor', config(`      key: &x ${SECRET}`), 'YAML_ALIAS'],
    ['a list', config(`      keys:\n        - &x ${SECRET}`), 'YAML_ALIAS'],
    ['a key that is a list', config(`      ? [${SECRET}]\n      : 1`), 'WRONG_TYPE'],
    ['a misspelt config on one line', `${head}plugins:\n  a: {confg: {password: ${SECRET}}}\n`, 'UNKNOWN_KEY'],
    ['a mistake beside a config on one line', `${head}plugins:\n  a: { versoin: "^1", config: { pin: ${SECRET} } }\n`, 'UNKNOWN_KEY'],
    ['a mistake beside a config, all on one line', `${head}plugins: { a: { "config": { pin: [${SECRET}] }, versoin: 1 } }\n`, 'UNKNOWN_KEY'],
    ['a config over many lines, whatever their indentation', `${head}plugins:\n  a:\n    config: {\n  note: "}",\n  pin: ${SECRET}, x: 1\n`, 'YAML_SYNTAX'],
    ['a mistake beside a database on one line', `apiVersion: catalyst.dev/v1\nkind: PluginSet\nstore: { id: x, database: "postgres:// ${SECRET}", x: 1 }\nplugins: {}\n`, 'UNKNOWN_KEY'],
    ['a database that is no text', `${head}  database: [${SECRET}]\nplugins: {}\n`, 'WRONG_TYPE'],
    ['a registry with a password, of a kind that does not exist', `${head}registries:\n  - {name: o, url: "ftp://u:${SECRET}@h/r?token=${SECRET}"}\nplugins: {}\n`, 'INVALID_VALUE'],
  ]
  test.each(files)('%s', async (_what, file, code) => {
    writeFileSync(join(dir, 'plugins.yaml'), file)
    const told = await run('-C', dir, 'plan')
    expect(told).toContain(`error[${code}]`)
    expect(told).not.toContain(SECRET)
    expect(await run('--json', '-C', dir, 'plan')).not.toContain(SECRET)
  })

  test('the place still shows which key it is, and other lines are shown whole', async () => {
    writeFileSync(join(dir, 'plugins.yaml'), config(`      key: &x ${SECRET}`))
    expect(await run('-C', dir, 'plan')).toMatch(/8 \| {7}key: …\n/)
    writeFileSync(join(dir, 'plugins.yaml'), `${head}plugins:\n  a:\n    permissions:\n      database: [Orders]\n`)
    expect(await run('-C', dir, 'plan')).toContain('8 |       database: [Orders]')
    writeFileSync(join(dir, 'plugins.yaml'), `${head}plugins:\n  a: { config: { x: "}" }, version: 1 }\n  b: { versoin: "^1" } # config: {\n  c: { versoin: "^1" }\n`)
    const told = await run('-C', dir, 'plan')
    for (const line of ['6 |   a: { config: …', '7 |   b: { versoin: "^1" } # config: …', '8 |   c: { versoin: "^1" }']) expect(told).toContain(line)
  })

  test.each(['/etc/passwd', '/proc/self/environ', '/proc/self/cmdline'])('a link to %s in place of plugins.yaml shows nothing of it', async (target) => {
    rmSync(join(dir, 'plugins.yaml'), { force: true })
    symlinkSync(target, join(dir, 'plugins.yaml'))
    const told = await run('-C', dir, 'plan')
    rmSync(join(dir, 'plugins.yaml'))
    expect(told).toMatch(/error\[\w+\]/)
    const words = readFileSync(target, 'utf8').split(/[\0\n:]/).filter((word) => word.length > 5)
    for (const word of words) expect(told).not.toContain(word)
  })
})

async function run(...args: string[]): Promise<string> {
  let told = ''
  await main(args, { out: (t) => void (told += `${t}\n`), err: (t) => void (told += `${t}\n`), colour: false, interactive: false, columns: 80 }, { env: {} })
  return told
}

describe('a whole life of a store', () => {
  const VALUE = 'correct-horse-battery-staple'
  let shop: Shop
  beforeAll(async () => void (shop = await Shop.open()))
  afterAll(() => shop.close())

  test('leaves neither a literal nor the value of a reference anywhere but in plugins.yaml', async () => {
    shop.env['API_KEY'] = VALUE
    shop.env['GITHUB_TOKEN'] = shop.world.github.createToken()
    const token = shop.env['GITHUB_TOKEN']
    await shop.release('a', '1.0.0')
    await shop.world.publish({ id: 'd', version: '1.0.0', private: true })
    const direct = { source: 'github:acme/d', signer: { workflow: '.github/workflows/release.yml' }, sigstore: './root.json' } as const
    const config = { literal: SECRET, reference: '${env:API_KEY}', deep: [{ text: `x ${SECRET}` }] }
    shop.want({ a: { version: '^1.0.0', config }, d: { ...direct, config: structuredClone(config) } })
    const told: string[] = []
    for (const command of ['lock', 'plan', 'apply', 'status --check', 'why a', 'outdated', 'generations', 'lock --check --prove', 'plan --markdown']) {
      const [text, json] = [await shop.run(command), await shop.json(command)]
      told.push(text.out, text.err, json.out, json.err)
      expect([command, json.exit, json.problems]).toEqual([command, 0, []])
    }
    await shop.release('a', '1.1.0', { files: { 'index.js': 'throw new Error(JSON.stringify(process.env))\n' } })
    for (const command of ['update', 'apply', 'apply --json', 'remove d', 'apply', 'rollback', 'gc']) {
      const { out, err } = await shop.run(command)
      told.push(out, err)
    }
    // The store's database keeps configs as plugins.yaml has them, for backups: a literal is there as it is in git, a value never is.
    const keepsLiterals = (file: string): boolean => /\/store\.db(-wal)?$|\/plugin-data\/\.backups\//.test(file)
    for (const secret of [SECRET, VALUE, token]) {
      expect(told.join('\n')).not.toContain(secret)
      const looked = filesBelow(shop.dir).filter((file) => !file.endsWith('plugins.yaml') && !(secret === SECRET && keepsLiterals(file)))
      for (const file of looked) expect([file, readFileSync(file).includes(secret)]).toEqual([file, false])
    }
  })
})

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    const found = statSync(path, { throwIfNoEntry: false })
    return found?.isDirectory() ? filesBelow(path) : found?.isFile() ? [path] : []
  })
}
