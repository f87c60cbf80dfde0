import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ProbedPlugin } from '../../reconciler/ports.ts'
import { sha256 } from '../../schemas/digest.ts'

/** A folder for plugins, away again with `remove`. */
export interface PluginFolder {
  readonly root: string
  /** Writes a plugin of one file, `generic` and ESM unless said otherwise. */
  add(id: string, code: string, odd?: Partial<ProbedPlugin> & { readonly files?: Readonly<Record<string, string>> }): ProbedPlugin
  remove(): void
}

export function pluginFolder(): PluginFolder {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-probe-'))
  return {
    root,
    add(id, code, { files = {}, ...odd } = {}) {
      const dir = join(root, id)
      const plugin = { id, version: '1.0.0', dir, tree: sha256(code), main: 'index.mjs', type: 'generic', ...odd }
      for (const [path, text] of Object.entries({ [plugin.main]: code, ...files })) {
        mkdirSync(dirname(join(dir, path)), { recursive: true })
        writeFileSync(join(dir, path), text)
      }
      return plugin
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** A plugin with a body before it and members in it, e.g. `healthy({ before: 'while (true);' })`. */
export function healthy({ before = '', members = '', create = '' }: { before?: string; members?: string; create?: string } = {}): string {
  return `${before}\nexport function createPlugin(host) { ${create}\n return { async health() { return { ok: true } }, ${members} } }\n`
}
