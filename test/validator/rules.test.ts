import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { RULES } from '../../validator/rules.ts'
import { validate } from '../../validator/validate.ts'
import { rulesOf, samplePackage } from './package-builder.ts'
import { processorTime } from '../builders/processor-time.ts'

type Odd = Parameters<typeof samplePackage>[0]

/** Rules that a package with this oddness breaks. */
function broken(odd: Odd): readonly string[] {
  return rulesOf(validate(samplePackage(odd)))
}

function scripts(names: Readonly<Record<string, string>>): string {
  return `{\n  "name": "sample",\n  "version": "1.0.0",\n  "type": "module",\n  "scripts": ${JSON.stringify(names)}\n}\n`
}

test('the table: every rule once, with a sentence and a next step, in ids that tools can use', () => {
  expect(new Set(RULES.map((r) => r.id)).size).toBe(RULES.length)
  for (const rule of RULES) {
    expect(rule.id).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(rule.title, rule.id).toMatch(/\.$/)
    expect(rule.hint, rule.id).toMatch(/\.$/)
    expect(rule.check ?? rule.visit, rule.id).toBeDefined()
    // A rule that looks at trees must say what makes one, or it would never be asked.
    expect(rule.visit === undefined || rule.words !== undefined || rule.pieces !== undefined, rule.id).toBe(true)
  }
})

test('a finding names its rule, its place, what it saw and the next step', () => {
  const [finding] = validate(samplePackage({ files: { 'index.js': 'export const a = 1\n  import "node:fs"\n' } }))
  expect(finding).toEqual({
    code: 'RULE_FAILED',
    rule: 'import-forbidden',
    severity: 'error',
    message: 'import of node:fs, which plugins may not use',
    hint: 'Read and write through host.files and ask for it in permissions.filesystem of manifest.json.',
    place: { file: 'package/index.js', line: 2, column: 10 },
  })
})

test('columns count as editors do: before the finding stand letters outside ASCII', () => {
  const [finding] = validate(samplePackage({ files: { 'index.js': 'export const é = "😀"; eval(é)\n' } }))
  expect(finding?.place).toEqual({ file: 'package/index.js', line: 1, column: 24 })
})

describe('install scripts', () => {
  test.each(['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'dependencies', 'postuninstall'])('%s', (name) => {
    expect(validate(samplePackage({ files: { 'package.json': scripts({ build: 'x', [name]: 'node evil.js' }) } }))).toMatchObject([
      { rule: 'install-script', severity: 'error', place: { file: 'package/package.json', line: 5, column: 27 } },
    ])
  })
  test('binding.gyp is one too', () => expect(broken({ files: { 'binding.gyp': '{}' } })).toEqual(['install-script error']))
  test('what only the publisher runs is none', () => expect(broken({ files: { 'package.json': scripts({ build: 'x', prepack: 'x', prepublishOnly: 'x', test: 'x' }) } })).toEqual([]))
})

describe('native code, by its first bytes or its name', () => {
  const pe = new Uint8Array(256)
  pe.set([0x4d, 0x5a])
  pe.set([0x80], 0x3c)
  pe.set([0x50, 0x45, 0, 0], 0x80)
  test.each<[string, string, Uint8Array]>([
    ['ELF', 'data.txt', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1])],
    ['Mach-O', 'x', new Uint8Array([0xcf, 0xfa, 0xed, 0xfe, 7])],
    ['universal Mach-O', 'x', new Uint8Array([0xca, 0xfe, 0xba, 0xbe, 0])],
    ['PE', 'x.js.txt', pe],
    ['static library', 'x', new TextEncoder().encode('!<arch>\nabc')],
    ['.node by name', 'build/x.node', new Uint8Array([1, 2, 3, 4])],
    ['.so by name', 'libx.so.1', new Uint8Array([1, 2, 3, 4])],
  ])('%s', (_, path, bytes) => expect(broken({ files: { [path]: bytes } })).toEqual(['native-binary error']))

  test('WebAssembly is told, not refused', () => expect(broken({ files: { 'x.bin': new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) } })).toEqual(['wasm warning']))
  test('a text that begins with MZ is a text', () => expect(broken({ files: { 'notes.txt': 'MZ is how Windows programs begin' } })).toEqual([]))
})

describe('files', () => {
  test('a link', () => expect(broken({ files: { x: '/etc/passwd' }, modes: { x: '120000' } })).toEqual(['link error']))
  test('a device', () => expect(broken({ files: { x: '' }, modes: { x: '020000' } })).toEqual(['link error']))
  test('an executable file is a plain file', () => expect(broken({ files: { x: '' }, modes: { x: '100755' } })).toEqual([]))
  test('main that is not there', () => expect(broken({ manifest: { main: 'dist/index.js' } })).toEqual(['main-missing error']))
  test('main with a dot', () => expect(broken({ manifest: { main: './index.js' } })).toEqual([]))
  test('no licence', () => expect(broken({ files: { LICENSE: undefined } })).toEqual(['licence-missing warning']))
  test.each(['LICENCE', 'license.md', 'COPYING', 'LICENSE-MIT'])('%s is a licence', (name) => expect(broken({ files: { LICENSE: undefined, [name]: 'x' } })).toEqual([]))
  test.each(['index.js.map', '.env', '.github/x.yml', 'src.tgz'])('%s is needless', (name) => expect(broken({ files: { [name]: 'x' } })).toEqual(['needless-file warning']))
  test('a large file', () => expect(broken({ files: { 'data.json': '1'.repeat(1_100_000) } })).toEqual(['size-limit warning']))
  test('too many files', () => expect(broken({ files: Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`d/${i}.txt`, ''])) })).toEqual(['size-limit error']))
  test('a long path', () => expect(broken({ files: { [`${'d/'.repeat(120)}x`]: '' } })).toEqual(['size-limit error']))
})

describe('package.json beside manifest.json', () => {
  const json = (value: object): Odd => ({ files: { 'package.json': JSON.stringify(value) } })
  test.each<[string, Odd, readonly string[]]>([
    ['another version', json({ name: 'sample', version: '1.0.1', type: 'module' }), ['package-json error']],
    ['no version', json({ name: 'sample', type: 'module' }), ['package-json error']],
    ['another name', json({ name: 'other', version: '1.0.0', type: 'module' }), ['package-json warning']],
    ['a scoped name', json({ name: '@acme/catalyst-sample', version: '1.0.0', type: 'module' }), []],
    ['no type', json({ name: 'sample', version: '1.0.0' }), ['package-json warning']],
    ['no package.json', { files: { 'package.json': undefined } }, ['package-json warning']],
    ['no JSON', { files: { 'package.json': '{ name: 1 }' } }, ['package-json error']],
    ['a prototype key', { files: { 'package.json': '{ "__proto__": {}, "name": "sample", "version": "1.0.0" }' } }, ['package-json error']],
    ['two versions in one file', { files: { 'package.json': '{ "version": "1.0.0", "name": "sample", "version": "2.0.0" }' } }, ['package-json error']],
  ])('%s', (_, odd, rules) => expect(broken(odd)).toEqual(rules))
})

describe('code that cannot be read', () => {
  test.each<[string, string | Uint8Array]>([
    ['no JavaScript', 'export const = 1'],
    ['TypeScript', 'export const a: number = 1'],
    ['JSX', 'export const a = <b/>'],
    ['not UTF-8', new Uint8Array([0x2f, 0x2f, 0xff, 0xfe, 0x0a])],
    ['binary', new Uint8Array([0, 1, 2])],
  ])('%s: an error in main, a warning where nothing reaches it', (_, text) => {
    expect(broken({ files: { 'index.js': text } })).toEqual(['unparsable error'])
    expect(broken({ files: { 'a.js': text } })).toEqual(['unparsable warning'])
    expect(broken({ files: { 'index.js': 'import "./b.js"', 'b.js': 'await import("./a.js")', 'a.js': text } })).toEqual(['unparsable error'])
  })

  test('the place of the mistake is told', () => {
    expect(validate(samplePackage({ files: { 'index.js': 'const a = 1\nconst b = = 2\n' } }))[0]?.place).toEqual({ file: 'package/index.js', line: 2, column: 11 })
  })

  test('each file is read by the grammar that Node takes for it', () => {
    const html = 'a <!-- eval("x")\n'
    expect(broken({ files: { 'a.cjs': html } })).toEqual(['misleading-text error'])
    expect(broken({ files: { 'sub/package.json': '{ "type": "commonjs" }', 'sub/a.js': html } })).toEqual(['misleading-text error'])
    expect(broken({ files: { 'a.mjs': 'let b; a <!--b; eval("x")\n' } })).toEqual(['dynamic-code error'])
    expect(broken({ files: { 'a.cjs': 'return 1' } })).toEqual([])
    expect(broken({ files: { 'a.mjs': 'return 1' } })).toEqual(['unparsable warning'])
    expect(broken({ files: { 'package.json': '{ "name": "sample", "version": "1.0.0" }', 'index.js': 'import fs from "node:fs"' } })).toEqual(['import-forbidden error', 'package-json warning'])
    expect(broken({ files: { 'package.json': '{ "name": "sample", "version": "1.0.0" }', 'index.js': 'require("node:fs")' } })).toEqual(['import-forbidden error', 'package-json warning'])
  })
})

describe('secrets', () => {
  // Put together here, so that no scanner takes this file for a leak.
  const made = (prefix: string, length: number, alphabet = 'aB3dE6gH9jK2mN5pQ8sT1vW4xY7z'): string => prefix + Array.from({ length }, (_, i) => alphabet[(i * 7 + 3) % alphabet.length]).join('')
  test.each<[string, string, string]>([
    ['GitHub', made('ghp_', 36), 'error'],
    ['GitHub, fine-grained', made('github_pat_', 82), 'error'],
    ['npm', made('npm_', 36), 'error'],
    ['AWS', made('AKIA', 16, 'QWERTZUIOPLKJHGFDSAYXCVBNM234567'), 'error'],
    ['Stripe', made('sk_live_', 24), 'error'],
    ['Stripe, test', made('sk_test_', 24), 'warning'],
    ['Slack', made('xoxb-', 40), 'error'],
    ['Google', made('AIza', 35), 'error'],
    ['SendGrid', `${made('SG.', 22)}.${made('', 43)}`, 'error'],
    ['Anthropic', made('sk-ant-', 60), 'error'],
    ['private key', `-----BEGIN RSA PRIVATE ${'KEY'}-----\\n${made('MII', 61)}\\n`, 'error'],
    ['URL with password', `postgres://shop:${made('', 12)}@db.internal/shop`, 'warning'],
  ])('%s', (_, token, severity) => {
    expect(broken({ files: { 'config.json': JSON.stringify({ value: token.replaceAll('\\n', '\n') }) } })).toContain(`secret ${severity}`)
    expect(broken({ files: { 'index.js': `// a\nexport const value = '${token}'\n` } })).toContain(`secret ${severity}`)
  })

  test('a random text under a telling name', () => {
    expect(broken({ files: { 'index.js': `export const apiKey = "${made('', 48, 'aB3dE6gH9jK2mN5pQ8sT1vW4xY7zR0uC')}"\n` } })).toEqual(['secret warning'])
    expect(broken({ files: { 'index.js': 'export const apiKey = "put-the-name-of-the-key-here"\n' } })).toEqual([])
    expect(broken({ files: { 'index.js': 'export const token = "xxxxxxxxxxxxxxxx1234567890"\n' } })).toEqual([])
  })

  test('the secret itself is in no finding', () => {
    const token = made('ghp_', 36)
    expect(JSON.stringify(validate(samplePackage({ files: { 'a.txt': token } })))).not.toContain(token.slice(6))
  })
})

describe('code that does not want to be read', () => {
  test.each<[string, string, string]>([
    ['bidirectional controls', 'export const a = "\u202e"', 'misleading-text error'],
    ['invisible letters', 'export const a\u2060b = 1', 'misleading-text error'],
    ['an obfuscator', Array.from({ length: 8 }, (_, i) => `const _0x1a2b${i} = 1`).join('\n'), 'obfuscated warning'],
    ['hexadecimal escapes', `export const a = '${'\\x41'.repeat(60)}'`, 'obfuscated warning'],
    ['a list of numbers', `export const a = [${'0x41, '.repeat(200)}]`, 'obfuscated warning'],
    ['base64', `export const a = '${'QUJD'.repeat(6000)}'`, 'obfuscated warning'],
    ['brackets', `export const a = ${'[![]+[]][+!+[]]+'.repeat(60)}0`, 'obfuscated warning'],
    ['one long line', `export const a = [${'1, '.repeat(8000)}]`, 'obfuscated warning'],
  ])('%s', (_, text, rule) => expect(broken({ files: { 'index.js': text } })).toContain(rule))
})

test('a package with very many findings tells fifty of a rule and counts the rest', () => {
  const findings = validate(samplePackage({ files: { 'index.js': 'eval("x")\n'.repeat(10_000) } }))
  expect(findings).toHaveLength(51)
  expect(findings.some((f) => f.message === 'and 9950 more of the same kind')).toBe(true)
})

test('order of files changes no byte of the findings', () => {
  const pkg = samplePackage({ files: { 'b.js': 'eval(1)', 'a.js': 'eval(1)\nimport("x")', 'c.txt': '' } })
  expect(JSON.stringify(validate({ ...pkg, files: pkg.files.toReversed() }))).toBe(JSON.stringify(validate(pkg)))
})

test('hostile texts take linear time', () => {
  const hostile = ["'((((((", "'/*", '[', '${', '://', 'sk-', 'token = "', '_0x1234 ', '0x1,', '![]', 'export{', '-----BEGIN ', '`${`', '/*', "x['con'+", 'http:', ' \t\n']
  for (const piece of hostile) {
    const text = piece.repeat(Math.floor(1_000_000 / piece.length))
    const { ms } = processorTime(() => validate(samplePackage({ files: { 'index.js': text, 'notes.txt': text } })))
    expect(ms, piece).toBeLessThan(5_000)
  }
})

test('docs/validator-rules.md lists every rule', () => {
  const page = readFileSync(new URL('../../docs/validator-rules.md', import.meta.url), 'utf8')
  for (const { id, severity, title } of RULES) expect(page).toContain(`| \`${id}\` | ${severity} | ${title}`)
})
