import { readFileSync } from 'node:fs'

/** The version of this package, from its package.json: one folder up, both from `cli/` and from `dist/`. */
export function toolVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return version
}
