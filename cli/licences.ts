import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A package whose code is in the bundle. */
interface Bundled {
  readonly name: string
  readonly version: string
  readonly license: string
  /** The licence as the package carries it, with its copyright lines. */
  readonly text: string
}

/**
 * The licences of every package that a bundle took code from, as one text: MIT, ISC, BSD and Apache-2.0 let us pass
 * their code on only with them. `inputs` are paths of the files that went into it. @throws Error for a package whose
 * licence is not known: then it must not be bundled
 */
export function licencesOf(inputs: readonly string[]): string {
  const folders = [...new Set(inputs.flatMap((path) => folderOf(path) ?? []))].sort()
  const names = Map.groupBy(folders.map(read), ({ text }) => text)
  const parts = [...names].map(([text, packages]) => {
    const titles = packages.map(({ name, version, license }) => `${name} ${version} (${license})`)
    return `${[...new Set(titles)].sort().join('\n')}\n\n${text}\n`
  })
  return `This package contains code of the following packages, under the licences that stand below their names.\n\n${parts.sort().join(`\n${'-'.repeat(78)}\n\n`)}`
}

/** The folder of the package that a file belongs to; undefined for a file of ours. */
function folderOf(path: string): string | undefined {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]
}

const PERMISSIVE = /^(MIT|MIT-0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|Unlicense|CC0-1\.0|\(MIT AND Zlib\)|\(MIT AND BSD-3-Clause\))$/

function read(folder: string): Bundled {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string; version: string; license?: string }
  if (license === undefined || !PERMISSIVE.test(license)) throw new Error(`${name} ${version} has the licence ${license ?? '(none)'}; it must not be bundled before somebody has looked`)
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)([.-].*)?$/i.test(entry))
  const notice = existsSync(join(folder, 'NOTICE')) ? readFileSync(join(folder, 'NOTICE'), 'utf8') : ''
  const text = file ? readFileSync(join(folder, file), 'utf8') : `The package carries no text of its licence: https://spdx.org/licenses/${license}.html`
  return { name, version, license, text: `${text.trim()}${notice === '' ? '' : `\n\n${notice.trim()}`}` }
}
