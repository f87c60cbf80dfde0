import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../cli/program.ts'

/** What was understood, and what was printed meanwhile. */
function parse(line: string) {
  let printed = ''
  const invocation = parseArguments(line.split(' ').filter((word) => word !== ''), '9.9.9', (text) => void (printed += text))
  return { name: invocation?.name, dir: invocation?.dir, json: invocation?.json, printed }
}

describe('arguments', () => {
  test('--version of add is a range, not a question about the program', () => {
    expect(parse('add stripe-payments --version ^2.0.0')).toEqual({ name: 'add', dir: '.', json: false, printed: '' })
    expect(parse('--version')).toMatchObject({ name: undefined, printed: '9.9.9\n' })
  })

  test.each(['--json -C shop plan', 'plan --json -C shop', '-C shop plan --json'])('%s: common options stand anywhere', (line) => {
    expect(parse(line)).toEqual({ name: 'plan', dir: 'shop', json: true, printed: '' })
  })

  test.each([
    ['plna', 'there is no command "plna"', 'Did you mean `catalyst plan`?'],
    ['registry frobnicate', 'there is no command "registry frobnicate"', 'Run `catalyst registry --help` for the commands and their options.'],
    ['frobnicate now', 'there is no command "frobnicate"', 'Run `catalyst --help` for the commands and their options.'],
  ])('%s: no such command', (line, message, hint) => {
    expect(() => parse(line)).toThrow(expect.objectContaining({ code: 'USAGE', message, hint }))
  })

  test.each(['', '--help', 'help'])('"%s" lists every command and the exit codes', (line) => {
    const { name, printed } = parse(line)
    expect(name).toBeUndefined()
    for (const word of ['rollback [options] [id]', 'Exit codes:', '7  busy']) expect(printed).toContain(word)
  })

  test.each(['registry', 'registry --help'])('"%s" lists the commands of a registry', (line) => {
    expect(parse(line)).toMatchObject({ name: undefined, printed: expect.stringContaining('Usage: catalyst registry [options] <command>') })
  })

  test.each(['plan --expect x', 'apply --wat', 'lock --check --merge', 'plan now', 'verify'])('%s is refused', (line) => {
    expect(() => parse(line)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  test.each(['gc --keep x', 'gc --keep -1', 'gc --keep 1e3', 'backups --prune --keep 2.5', 'backups --prune --keep-days ten', 'audit --limit 0x10', 'rollback --to last'])('%s: a number is written as one', (line) => {
    const [name = '', option = ''] = [line.split(' ')[0], line.split(' ').at(-2)]
    expect(() => parse(line)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(new RegExp(`${option} .*It takes a whole number`)), hint: `Run \`catalyst ${name} --help\` for its arguments and options.` }))
  })

  test.each(['apply --expect sha256:12', `apply --expect ${'a'.repeat(64)}`, 'audit --head x', 'restore NAME --digest x'])('%s: a digest is told whole', (line) => {
    expect(() => parse(line)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('64 hex digits') }))
  })

  test('the help of a command tells the options that every command has', () => {
    expect(parse('plan --help').printed).toMatch(/--detailed-exitcode[\s\S]*--dir <dir>[\s\S]*--json/)
  })
})
