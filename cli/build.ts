import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { build, type BuildOptions, type OutputOptions, type Plugin } from 'rolldown'
import { licencesOf } from './licences.ts'

/*
 * Bundles what is published: `node cli/build.ts`, run by npm's `prepare`. Node does not strip types under
 * node_modules, and one file starts several times faster than a tree of packages.
 *
 * `dist/fast.cjs` is what every run loads first: it answers "nothing to do" and loads nothing else. `dist/catalyst.cjs`
 * is the whole command, split so that a command loads only what it needs; what every command needs is one file. It is
 * CommonJS, which starts faster than ES modules do (docs/adr/0012). `dist/probe-child.js` stands alone, for it may read
 * nothing but itself. Packages with native code stay outside.
 */
const OUTSIDE = ['better-sqlite3', 'oxc-parser']

/** What a rollback loads, with all that it imports. All other commands need the most of it too. */
const CORE = /[\\/]cli[\\/](main|compose|commands[\\/]rollback)\.ts$/
/** The part of it that threads and children need as well. */
const BASE = /[\\/]schemas[\\/](digest|document|errors|limits|printable|references|suggestions)\.ts$|[\\/]sqlite-connection\.ts$/

const root = join(import.meta.dirname, '..')

const alias = {
  // isomorphic-git offers Node its CommonJS form; only the other one can be taken apart.
  'isomorphic-git': join(root, 'node_modules/isomorphic-git/index.js'),
  // It brings what browsers lack and Node has.
  pako: join(root, 'registry/git-zlib.ts'),
  'sha.js/sha1.js': join(root, 'registry/git-sha1.ts'),
}

/** What packages load for uses that we do not make of them: commander, for commands that are programs of their own, takes three milliseconds to; and what they would take from any folder around a store if it lay there. */
const UNUSED: Readonly<Record<string, RegExp>> = { 'node:child_process': /[\\/]node_modules[\\/]commander[\\/]/, 'pg-native': /[\\/]node_modules[\\/]pg[\\/]/, 'supports-color': /[\\/]node_modules[\\/]debug[\\/]/ }
const NOTHING = '\0nothing'

const withoutUnused: Plugin = {
  name: 'without what is never used',
  resolveId: (id, importer) => (UNUSED[id]?.test(importer ?? '') ? NOTHING : undefined),
  load: (id) => (id === NOTHING ? 'export default {}' : undefined),
}

const STALE_MS = 10 * 60 * 1000

const output = {
  dir: join(root, 'dist'),
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name]-[hash].cjs',
  hashCharacters: 'hex',
  format: 'cjs',
  // White space only: what a stack trace or a reviewer meets reads as it was written.
  minify: { compress: false, codegen: true, mangle: false },
  comments: { legal: true, annotation: false, jsdoc: false },
} as const satisfies OutputOptions

const common = { cwd: root, platform: 'node', external: OUTSIDE, resolve: { alias }, transform: { target: 'node26' }, plugins: [withoutUnused], logLevel: 'warn' } as const satisfies BuildOptions

const built = await Promise.all([
  build({ ...common, input: { fast: 'cli/fast.ts' }, output: { ...output, codeSplitting: false } }),
  build({ ...common, input: { 'probe-child': 'sandbox/probe-child.ts' }, output: { ...output, codeSplitting: false, format: 'es', entryFileNames: '[name].js' } }),
  build({
    ...common,
    input: { catalyst: 'cli/main.ts', 'proof-worker': 'cli/proof-worker.ts', 'apart-process': 'validator/apart-process.ts', 'sqlite-child': 'reconciler/tables/sqlite-child.ts' },
    output: { ...output, codeSplitting: { groups: [{ name: 'base', test: BASE, priority: 1 }, { name: 'core', test: CORE }] } },
  }),
])
const files = built.flatMap((bundle) => bundle.output)
await writeFile(join(root, 'dist/THIRD-PARTY-LICENSES.txt'), licencesOf(files.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))))
await removeStale([...files.map((file) => file.fileName), 'THIRD-PARTY-LICENSES.txt'])

/** Chunks are named by their content, so a run that started before goes on with its own; those of long ago go. */
async function removeStale(outputs: readonly string[]): Promise<void> {
  const fresh = new Set(outputs.map((path) => basename(path)))
  for (const name of await readdir(join(root, 'dist'))) {
    const path = join(root, 'dist', name)
    const old = Date.now() - (await stat(path)).mtimeMs > STALE_MS
    if (!fresh.has(name) && old) await rm(path, { recursive: true, force: true })
  }
}
