import { CatalystError } from '../../schemas/errors.ts'
import type { Lock } from '../../schemas/lock.ts'
import type { DesiredState } from '../../reconciler/plan/desired.ts'
import { signerText, sourceText } from '../../reconciler/plan/sides.ts'
import type { Command } from '../command.ts'
import { permissionLines } from '../render/permissions.ts'
import { signerShown } from '../render/words.ts'
import { safe } from '../terminal.ts'

/** One way in which plugins.yaml leads to a plugin: ids from the wanted one down to it. */
type Path = readonly string[]

/** `catalyst why ID`: which clauses want a plugin, who signed it and what it may do. From git's files alone. */
export const whyCommand: Command<{ readonly id: string }> = async ({ house, paint }, { id }) => {
  const { desired } = await house.files.readDesired()
  const lock = await house.files.readLock()
  const block = lock?.plugins[id]
  if (!lock || !block) throw new CatalystError('UNKNOWN_PLUGIN', `the lock has no plugin ${id}`, { hint: `It has: ${Object.keys(lock?.plugins ?? {}).join(', ') || 'none'}.` })
  const paths = pathsTo(id, desired, lock)
  const text = [
    `${paint('strong', id)} ${block.version}`,
    ...paths.map((path) => `  ${safe(pathText(path, desired, lock))}`),
    `  from        ${safe(sourceText(block))}, ${safe(block.repository.url)} tag ${safe(block.tag)} commit ${block.commit.slice(0, 12)}`,
    `  signed by   ${signerShown(signerText(block))}, published ${block.publishedAt}`,
    `  artifact    ${block.artifact.sha256}`,
    ...permissionLines(block.permissions).map((line) => `  may         ${line.trim()}`),
  ].join('\n')
  return { exit: 0, text, result: { id, version: block.version, paths, block } }
}

function pathsTo(id: string, desired: DesiredState, lock: Lock): readonly Path[] {
  const found: Path[] = []
  const leading = leadingTo(id, lock)
  const walk = (at: string, path: Path): void => {
    if (found.length >= MOST_PATHS || !leading.has(at) || path.includes(at)) return
    const here = [...path, at]
    if (at === id) found.push(here)
    for (const next of Object.keys(lock.plugins[at]?.dependencies ?? {})) walk(next, here)
  }
  for (const plugin of desired.plugins) walk(plugin.id, [])
  return found
}

const MOST_PATHS = 20

/** The ids from which the plugin can be reached: other ways need not be walked, and there may be more of them than one can walk. */
function leadingTo(id: string, lock: Lock): ReadonlySet<string> {
  const leading = new Set([id])
  for (let before = 0; before !== leading.size; ) {
    before = leading.size
    for (const [other, block] of Object.entries(lock.plugins)) if (Object.keys(block.dependencies).some((d) => leading.has(d))) leading.add(other)
  }
  return leading
}

function pathText(path: Path, desired: DesiredState, lock: Lock): string {
  const wanted = desired.plugins.find((p) => p.id === path[0])
  const place = wanted?.versionPlace
  const clause = `${place ? `${place.file}:${place.line ?? 1} ` : ''}wants ${path[0]} ${wanted?.range ?? ''}`
  const steps = path.slice(1).map((id, i) => `, ${path[i]} needs ${id} ${lock.plugins[path[i] ?? '']?.dependencies[id] ?? ''}`)
  return clause + steps.join('')
}
