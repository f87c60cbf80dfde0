import { build } from 'esbuild'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { licencesOf } from './licences.ts'

/*
 * Bundles what is published: `node cli/build.ts`, run by npm's `prepare`. Node does not strip types under
 * node_modules, and one file starts several times faster than a tree of packages.
 *
 * `dist/fast.cjs` is what every run loads first: it answers "nothing to do" and loads nothing else. `dist/catalyst.js`
 * is the whole command, split so that a command loads only what it needs. Packages with native code stay outside.
 */
const OUTSIDE = ['better-sqlite3', 'oxc-parser', 'esbuild']

const alias = {
  // isomorphic-git offers Node its CommonJS form; only the other one can be taken apart.
  'isomorphic-git': './node_modules/isomorphic-git/index.js',
  // It brings what browsers lack and Node has.
  pako: './registry/git-zlib.ts',
  'sha.js/sha1.js': './registry/git-sha1.ts',
}

const STALE_MS = 10 * 60 * 1000

const common = { alias, metafile: true, bundle: true, platform: 'node', target: 'node26', external: OUTSIDE, logLevel: 'warning', minifySyntax: true, minifyWhitespace: true, legalComments: 'linked' } as const

const built = await Promise.all([
  build({ ...common, entryPoints: { fast: 'cli/fast.ts' }, outdir: 'dist', format: 'cjs', outExtension: { '.js': '.cjs' } }),
  build({
    ...common,
    entryPoints: { catalyst: 'cli/main.ts', 'proof-worker': 'cli/proof-worker.ts', 'apart-process': 'validator/apart-process.ts', 'probe-child': 'sandbox/probe-child.ts', 'sqlite-child': 'reconciler/tables/sqlite-child.ts' },
    outdir: 'dist',
    format: 'esm',
    splitting: true,
    // Some packages are CommonJS and call `require` for Node's own modules.
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  }),
])
await writeFile('dist/THIRD-PARTY-LICENSES.txt', licencesOf(built.flatMap(({ metafile }) => Object.keys(metafile.inputs))))
await removeStale([...built.flatMap(({ metafile }) => Object.keys(metafile.outputs)), 'THIRD-PARTY-LICENSES.txt'])

/** Chunks are named by their content, so a run that started before goes on with its own; those of long ago go. */
async function removeStale(outputs: readonly string[]): Promise<void> {
  const fresh = new Set(outputs.map((path) => basename(path)))
  for (const name of await readdir('dist')) {
    const old = Date.now() - (await stat(join('dist', name))).mtimeMs > STALE_MS
    if (!fresh.has(name) && old) await rm(join('dist', name), { recursive: true, force: true })
  }
}
