/** A plugin of this many files has about 120 KB when unpacked, like those that real stores install. */
export const FULL_SIZE = 60

/** What a plugin is padded with, by turns: mostly data and texts, every fourth file code. */
const KINDS = [codeFile, localeFile, templateFile, drawingFile] as const
const FILE_BYTES = 2080

/**
 * The files of a plugin beside its manifest: `count` in all with the three that a package always has. The same id gives
 * the same bytes in every run, another id gives other bytes. Nothing in them breaks a rule of the validator.
 */
export function pluginFiles(id: string, count: number): Record<string, string> {
  const next = words(id)
  const extra = Array.from({ length: Math.max(0, count - 4) }, (_, i) => KINDS[i % KINDS.length]!(i, next))
  const modules = extra.map(([path]) => path).filter((path) => path.endsWith('.js'))
  return { 'index.js': mainFile(modules), LICENSE: 'Apache License, Version 2.0\n', ...Object.fromEntries(extra) }
}

function mainFile(modules: readonly string[]): string {
  const imports = modules.map((path, i) => `import { rate as rate${i} } from './${path}'\n`).join('')
  return `${imports}
const rates = [${modules.map((_, i) => `rate${i}`).join(', ')}]

export function createPlugin(host) {
  return {
    async health() {
      return { ok: rates.every((rate) => rate(100) >= 0) }
    },
    operations: {
      async quote({ amount }) {
        host.log.info('quote', { amount })
        return rates.reduce((sum, rate) => sum + rate(amount), 0)
      },
    },
  }
}
`
}

function codeFile(i: number, next: () => string): [string, string] {
  const row = (): string => `  { name: '${next()} ${next()}', from: ${next().length * 100}, percent: ${next().length} },\n`
  const body = `export function rate(amount) {\n  const step = steps.findLast(({ from }) => amount >= from)\n  return step ? (amount * step.percent) / 100 : 0\n}\n`
  return [`lib/rate-${i}.js`, `/** ${next()} ${next()} ${next()}. */\nconst steps = [\n${filled(row, FILE_BYTES - body.length)}]\n\n${body}`]
}

function localeFile(i: number, next: () => string): [string, string] {
  const entries = Array.from({ length: 36 }, (_, n) => [`${next()}.${n}`, `${next()} ${next()} ${next()} ${next()}`])
  return [`locales/${next()}-${i}.json`, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`]
}

function templateFile(i: number, next: () => string): [string, string] {
  return [`templates/${i}.html`, filled(() => `<p class="${next()}">${next()} ${next()} {{${next()}}} ${next()}</p>\n`, FILE_BYTES)]
}

function drawingFile(i: number, next: () => string): [string, string] {
  const path = (): string => `<path d="M${next().length} ${next().length}h${next().length}v${next().length}z" id="${next()}"/>\n`
  return [`images/${i}.svg`, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 99 99">\n${filled(path, FILE_BYTES)}</svg>\n`]
}

function filled(line: () => string, bytes: number): string {
  let text = ''
  while (text.length < bytes) text += line()
  return text
}

const SYLLABLES = ['ba', 'den', 'lo', 'mir', 'ta', 'ves', 'ko', 'ri', 'sun', 'pel', 'an', 'go', 'ther', 'i', 'mo', 'quen']

/** Words without end from a fixed sequence that belongs to `seed`. */
function words(seed: string): () => string {
  let state = [...seed].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7)
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  return () => Array.from({ length: 2 + below(3) }, () => SYLLABLES[below(SYLLABLES.length)]).join('')
}
