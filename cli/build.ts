import { build } from 'esbuild'
import { rm } from 'node:fs/promises'

/*
 * Bundles what is published: `node cli/build.ts`, run by npm's `prepare`. Node does not strip types under
 * node_modules, and one file starts several times faster than a tree of packages.
 *
 * `dist/fast.cjs` is what every run loads first: it answers "nothing to do" and loads nothing else. `dist/catalyst.js`
 * is the whole command, split so that a command loads only what it needs. Packages with native code stay outside.
 */
const OUTSIDE = ['better-sqlite3', 'oxc-parser', 'esbuild']

// isomorphic-git offers Node its CommonJS form; only the other one can be taken apart.
const alias = { 'isomorphic-git': './node_modules/isomorphic-git/index.js' }

const common = { alias, bundle: true, platform: 'node', target: 'node26', external: OUTSIDE, logLevel: 'warning', minifySyntax: true, minifyWhitespace: true, legalComments: 'linked' } as const

await rm('dist', { recursive: true, force: true })
await Promise.all([
  build({ ...common, entryPoints: { fast: 'cli/fast.ts' }, outdir: 'dist', format: 'cjs', outExtension: { '.js': '.cjs' } }),
  build({
    ...common,
    entryPoints: { catalyst: 'cli/main.ts', 'proof-worker': 'cli/proof-worker.ts', 'probe-child': 'sandbox/probe-child.ts' },
    outdir: 'dist',
    format: 'esm',
    splitting: true,
    // Some packages are CommonJS and call `require` for Node's own modules.
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  }),
])
