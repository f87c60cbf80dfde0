import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin } from 'vitest/config'

/** Who starts a process or a thread, the source that it names, and what is made of that in `dist/`. */
const STARTERS: Readonly<Record<string, readonly [source: string, bundled: string]>> = {
  'cli/proofs.ts': ['./proof-worker.ts', 'proof-worker.cjs'],
  'reconciler/tables/sqlite-process.ts': ['./sqlite-child.ts', 'sqlite-child.cjs'],
  'sandbox/probe-process.ts': ['./probe-child.ts', 'probe-child.js'],
  'validator/apart.ts': ['./apart-process.ts', 'apart-process.cjs'],
}

const ROOT = resolve(import.meta.dirname, '..')

/**
 * Under test, processes and threads are started from the bundle, as users have them. From sources each of the thousands
 * would read and strip some fifty files first: their environment is empty, so they have no compile cache. `bundle.ts`
 * made the bundle of today's sources.
 */
export function childrenFromBundle(): Plugin {
  return {
    name: 'children from the bundle',
    enforce: 'pre',
    transform(code, id) {
      const [source, bundled] = STARTERS[id.slice(ROOT.length + 1)] ?? []
      if (source === undefined || bundled === undefined) return undefined
      const named = `endsWith('.ts') ? '${source}'`
      if (!code.includes(named)) throw new Error(`${id} does not choose ${source} any more: say in ${import.meta.filename} what it starts`)
      return code.replace(named, `endsWith('.ts') ? ${JSON.stringify(pathToFileURL(join(ROOT, 'dist', bundled)))}`)
    },
  }
}
