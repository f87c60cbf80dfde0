import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../cli/program.ts'
import { OUTPUT_FORMAT_VERSION } from '../../cli/command.ts'
import { readSnapshot } from '../../cli/snapshot.ts'
import { planDigest } from '../../reconciler/plan/decide.ts'
import { API_PROBLEMS } from '../../schemas/api-problems.ts'
import { checkConfigSchema } from '../../schemas/config-schema.ts'
import { errorsPage } from '../../schemas/errors-page.ts'
import { ERRORS } from '../../schemas/errors.ts'
import { parseJson } from '../../schemas/json.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { readLock, writeLock } from '../../schemas/lock-file.ts'
import { readManifest } from '../../schemas/manifest-file.ts'
import { Plan } from '../../schemas/plan.ts'
import { readPluginSet } from '../../schemas/plugin-set-file.ts'
import { readEntry, readIndexLines, readRegistryFile } from '../../schemas/registry-files.ts'
import { validated } from '../../schemas/validate.ts'
import { anchorsOf, blocksOf, code, page, pages, prose, ROOT, type Block } from './blocks.ts'

/* What the documentation says is held against the code: examples, links, commands, codes, files, limits, words. */

const PAGES = pages()
const BLOCKS = PAGES.flatMap(blocksOf)
const SOURCES = ['cli', 'registry', 'reconciler', 'schemas', 'sandbox', 'validator', 'catalog', 'api'].flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => join(folder, name)))
const example = (schema: string): string => BLOCKS.find((block) => block.schema === schema)?.text ?? ''

/** Each schema by the reader that the commands use; a reader throws for what it does not take. */
const READERS: Readonly<Record<string, (block: Block) => unknown>> = {
  plugins: ({ text, file }) => {
    const { warnings } = readPluginSet(Buffer.from(text), file)
    expect(warnings.filter((w) => w.code !== 'UNKNOWN_PLUGIN')).toEqual([])
  },
  lock: ({ text, file }) => expect(writeLock(readLock(Buffer.from(text), file))).toBe(text),
  manifest: ({ text, file }) => readManifest(text, file),
  config: ({ text }) => expect(checkConfigSchema(JSON.parse(text))).toEqual([]),
  registry: ({ text, file }) => readRegistryFile(text, file),
  entry: ({ text, file }) => readEntry(text, file),
  'index-line': ({ text, file }) => expect(readIndexLines(JSON.stringify(JSON.parse(text)), file)).toHaveLength(1),
  envelope: ({ text, file }) => {
    const document = JSON.parse(text)
    expect(Object.keys(document)).toEqual(['formatVersion', 'command', 'exit', 'result', 'problems'])
    expect(document.formatVersion).toBe(OUTPUT_FORMAT_VERSION)
    const plan = validated(Plan, parseJson(JSON.stringify(document.result), file, { maxBytes: 100_000 }))
    expect(planDigest(plan.changes)).toBe(plan.planDigest)
  },
  snapshot: ({ text }) => expect(readSnapshot(text, JSON.parse(text).store, example('snapshot-key')).takenAt).toMatch(/Z$/),
  'snapshot-key': ({ text }) => expect(text).toContain('PUBLIC KEY'),
}

describe('examples are read by the readers that the commands use', () => {
  test.each(BLOCKS)('$file:$line $schema', (block) => {
    const read = READERS[block.schema]
    expect(read, `a reader for ${block.schema}`).toBeDefined()
    read?.(block)
  })

  test('every format has one', () => {
    expect(new Set(blocksOf(page('docs/formats.md')).map((block) => block.schema))).toEqual(new Set(Object.keys(READERS)))
  })

  test('an example that is wrong would be noticed', () => {
    const [lock] = BLOCKS.filter((block) => block.schema === 'lock')
    expect(() => READERS['lock']?.({ ...(lock as Block), text: (lock as Block).text.replace('version: 1.0.1', 'version: 1.0.2') })).toThrow(expect.objectContaining({ code: 'LOCK_EDITED' }))
    expect(() => READERS['snapshot']?.({ ...(lock as Block), text: example('snapshot').replace('"serial": 0', '"serial": 1') })).toThrow(expect.objectContaining({ code: 'SIGNATURE_INVALID' }))
  })
})

describe('links', () => {
  const links = PAGES.flatMap((from) => [...prose(from).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => ({ from: from.file, to: match[1] ?? '' })))
  test.each(links.filter(({ to }) => !/^https?:/.test(to)))('$from -> $to', ({ from, to }) => {
    const [path = '', anchor] = to.split('#')
    const file = path === '' ? from : normalize(join(dirname(from), path))
    expect(existsSync(join(ROOT, file)), file).toBe(true)
    if (anchor !== undefined) expect(anchorsOf(page(file))).toContain(anchor)
  })
})

describe('commands', () => {
  const help = (line: string): string => {
    let text = ''
    parseArguments(line.split(' '), '0.0.0', (printed) => void (text += printed))
    return text
  }
  const optionsIn = (text: string): string[] => [...text.matchAll(/(?:^|[\s,])(--?[a-zA-Z][\w-]*)/g)].map((match) => match[1] ?? '')
  const commandsIn = (text: string): string[] => [...(text.split('Commands:')[1]?.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1] ?? '')
  /** All commands, those of groups with the group's name before them: `registry publish`. */
  const commandsBelow = (group: string): string[] => commandsIn(help(`${group} --help`.trim())).filter((name) => name !== 'help').flatMap((name) => {
    const full = `${group} ${name}`.trim()
    const inner = name === 'registry' || group !== '' ? commandsBelow(full) : []
    return inner.length > 0 ? inner : [full]
  })
  const own = new Set(commandsBelow(''))
  const commands = [...own, 'help', 'registry']
  /** The command that a line names, and what follows: the longest name counts. */
  const split = (line: string): { command: string; rest: string } => {
    const words = line.split(/\s+/)
    const length = [3, 2].find((n) => own.has(words.slice(0, n).join(' '))) ?? 1
    return { command: words.slice(0, length).join(' '), rest: words.slice(length).join(' ') }
  }
  const common = optionsIn(help('--help'))

  const said = PAGES.filter(({ file }) => file !== 'docs/errors.md').flatMap((from) =>
    [...code(from).replaceAll('\\\n', ' ').matchAll(/\bcatalyst ([a-z][a-z-]*)((?:[ \t]+[^\s#|;&`]+)*)/g)].map((match) => ({ from: from.file, ...split(`${match[1] ?? ''}${match[2] ?? ''}`) })),
  )

  test.each(said)('$from: catalyst $command $rest', ({ command, rest }) => {
    expect(commands).toContain(command)
    const known = [...common, ...optionsIn(help(`${command} --help`))]
    for (const option of optionsIn(rest)) expect(known).toContain(option)
  })

  test('hints of errors name commands and options that exist', () => {
    for (const { hint } of Object.values(ERRORS)) {
      for (const [, line = ''] of hint.matchAll(/`catalyst ([a-z][^`]*)`/g)) {
        const { command, rest } = split(line)
        expect(commands, hint).toContain(command)
        for (const option of optionsIn(rest)) expect(optionsIn(help(`${command} --help`)), hint).toContain(option)
      }
    }
  })

  test.each([['README.md'], ['docs/formats.md']])('%s has a row for each command', (file) => {
    const rows = [...page(file).text.matchAll(/^\| (`.*?) \|/gm)].map((match) => match[1] ?? '')
    const named = new Set(rows.flatMap((row) => [...row.matchAll(/`([a-z][^`]*)`/g)].map((match) => split(match[1] ?? '').command)))
    expect([...own].filter((name) => !named.has(name))).toEqual([])
  })

  test('README runs scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    const named = [...code(page('README.md')).matchAll(/npm (?:run )?(start|test|(?<=run )\w+)/g)].map((match) => match[1] ?? '')
    expect(named).toEqual(expect.arrayContaining(['start', 'test']))
    for (const name of named) expect(scripts).toHaveProperty(name)
  })

  test('CI runs what README says, in that order', () => {
    const commands = (text: string): string[] => [...text.matchAll(/npm (install|start|test)\b/g)].map((match) => match[1] ?? '')
    const said = code(page('README.md')).split('## On your own store')[0] ?? ''
    expect(commands(readFileSync(join(ROOT, '.ci/run'), 'utf8'))).toEqual([...new Set(commands(said))])
  })
})

/** Names in capitals that are no error codes: variables, codes of the lock, constants. */
const KNOWN = new Set([
  ...(page('docs/operating.md').text.split('## Environment')[1] ?? '').matchAll(/`([A-Z_]+)`/g),
].map((match) => match[1] ?? '').concat('STRIPE_API_KEY', 'DATABASE_URL', 'SNAPSHOT_KEY', 'RELEASE_REFUSED', 'RELEASE_UNCHECKED', 'RULES_VERSION', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'ACTIONS_ID_TOKEN_REQUEST_URL', ...Object.keys(API_PROBLEMS)))

describe('names', () => {
  test('docs/errors.md is what schemas/errors-page.ts makes', () => {
    expect(page('docs/errors.md').text).toBe(errorsPage())
  })

  test.each(PAGES.filter(({ file }) => !file.startsWith('docs/adr/')))('$file names only codes that exist', (from) => {
    const named = [...code(from).matchAll(/(?<![\w$.{:"-])[A-Z]+(?:_[A-Z]+)+(?![\w-])/g)].map((match) => match[0])
    expect([...new Set(named)].filter((name) => !Object.hasOwn(ERRORS, name) && !KNOWN.has(name))).toEqual([])
  })

  test.each(['docs/trust-model.md', 'docs/formats.md', 'docs/operating.md', 'README.md'])('files that %s names are there', (file) => {
    const named = [...code(page(file)).matchAll(/(?:^|[\s(])((?:cli|registry|reconciler|schemas|sandbox|validator|catalog|api|test|examples|docs|bench)\/[\w./-]*)/gm)].map((match) => match[1] ?? '')
    expect([...new Set(named)].filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  test('pages that the code leads to are there', () => {
    const missing = SOURCES.flatMap((file) =>
      [...readFileSync(join(ROOT, file), 'utf8').matchAll(/(?<![\w/])docs\/(adr\/\d{4}|[\w/-]+\.md)/g)].flatMap(([path, rest = '']) => {
        const there = rest.startsWith('adr/') ? readdirSync(join(ROOT, 'docs/adr')).some((name) => name.startsWith(rest.slice(4, 8))) : existsSync(join(ROOT, path))
        return there ? [] : [`${file}: ${path}`]
      }),
    )
    expect(missing).toEqual([])
  })

  test('docs/operating.md lists the environment variables that are read', () => {
    const rows = page('docs/operating.md').text.split('## Environment')[1] ?? ''
    expect(environment().filter((name) => !rows.includes(`\`${name}\``))).toEqual([])
  })

  test('docs/adr/README.md lists every decision by its title', () => {
    const { text } = page('docs/adr/README.md')
    for (const name of readdirSync(join(ROOT, 'docs/adr')).filter((n) => /^\d{4}/.test(n))) {
      const title = /^# \d{4} (?:· )?(.+)$/m.exec(page(`docs/adr/${name}`).text)?.[1]
      expect(text).toContain(`- [${name.slice(0, 4)}](${name}) ${title}`)
    }
  })

  test('docs/adr/0001-dependencies.md speaks of every package', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, Record<string, string>>
    const { text } = page('docs/adr/0001-dependencies.md')
    const spoken = (name: string): boolean => text.includes(`\`${name}\``) || (name.startsWith('@sigstore/') && text.includes(`\`${name.slice('@sigstore/'.length)}\``))
    expect(Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !name.startsWith('@types/') && !spoken(name))).toEqual([])
  })
})

test('docs/formats.md tells every limit', () => {
  const rows = new Map([...page('docs/formats.md').text.matchAll(/\(`(\w+)`\) \| ([\d.,]+) ?(MiB|KiB|MB|bytes|levels|: 1)? \|$/gm)].map((m) => [m[1] ?? '', Number((m[2] ?? '').replaceAll(',', '')) * ({ MiB: 2 ** 20, KiB: 2 ** 10, MB: 1e6 }[m[3] ?? ''] ?? 1)]))
  expect(Object.fromEntries(rows)).toEqual(LIMITS)
})

test('the glossary has the words of ARCHITECTURE.md, and no word that nobody uses', () => {
  const words = [...page('docs/glossary.md').text.matchAll(/^\| ([a-z ]+) \|/gm)].map((match) => match[1] ?? '').filter((word) => word !== 'word')
  const section = /## Words[^]*?(?=\n## )/.exec(page('ARCHITECTURE.md').text)?.[0] ?? ''
  const bold = [...section.matchAll(/\*\*([a-z ]+)\*\*/g)].map((match) => match[1] ?? '')
  const singular = (word: string): string[] => [word, word.replace(/s$/, '')]
  expect(bold.filter((word) => word !== 'action' && !singular(word).some((w) => words.includes(w)))).toEqual([])
  const spoken = PAGES.filter(({ file }) => file !== 'docs/glossary.md').map(({ text }) => text.replace(section, ''))
  const elsewhere = [...spoken, ...SOURCES.map((file) => readFileSync(join(ROOT, file), 'utf8'))].join('\n').toLowerCase().replace(/\s+/g, ' ')
  expect(words.filter((word) => !elsewhere.includes(word) && !elsewhere.includes(word.replaceAll(' ', '')))).toEqual([])
})

/** The names that cli/settings.ts and cli/terminal.ts read. */
function environment(): readonly string[] {
  const text = ['cli/settings.ts', 'cli/terminal.ts'].map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n')
  return [...new Set([...text.matchAll(/\benv\.([A-Z_]+)/g)].map((match) => match[1] ?? ''))].filter((name) => name !== 'TERM')
}
