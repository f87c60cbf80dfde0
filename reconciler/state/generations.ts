import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { hexOf, type Digest } from '../../schemas/digest.ts'
import type { GenerationRecord } from '../ports.ts'
import { linkTarget, replaceLink, trying } from './disk.ts'
import type { StorePaths } from './paths.ts'
import { namesIn, removeWhole } from './trees.ts'

/** Plugin id -> the tree that is to be live. */
export type LiveSet = ReadonlyMap<string, Digest>

/** What a recorded generation makes live: its plugins that are switched on. */
export function liveSet(generation: Pick<GenerationRecord, 'plugins'>): LiveSet {
  const on = Object.entries(generation.plugins).filter(([, plugin]) => plugin.record.enabled)
  return new Map(on.map(([id, plugin]) => [id, plugin.tree]))
}

/**
 * The number of the generation that `current` points to, undefined when nothing was ever activated here. A link that
 * `switchTo` does not write counts as none, whatever it is called: it may lead to code of anybody's.
 */
export function currentGeneration(paths: StorePaths): number | undefined {
  const target = linkTarget(paths.current)
  const number = target === undefined ? NaN : Number(basename(target))
  return Number.isSafeInteger(number) && number > 0 && target === linkTo(number) ? number : undefined
}

/** What is live on this machine, undefined when nothing was ever activated here. A link that leads nowhere is left out. */
export function liveTrees(paths: StorePaths): LiveSet | undefined {
  const number = currentGeneration(paths)
  return number === undefined ? undefined : linkedTrees(paths, number)
}

/** Plugin id -> tree that the folder of a generation links to, as far as the link leads to one of our trees. Empty when there is no folder. */
export function linkedTrees(paths: StorePaths, number: number): LiveSet {
  const folder = paths.generation(number)
  const found = new Map<string, Digest>()
  for (const id of namesIn(folder)) {
    const tree = linkDigest(linkTarget(join(folder, id)))
    if (tree !== NO_TREE && existsSync(join(folder, id))) found.set(id, tree)
  }
  return found
}

/** The numbers of the generations that have a folder here, ascending. */
export function generationNumbers(paths: StorePaths): number[] {
  return namesIn(paths.generations)
    .map(Number)
    .filter((n) => Number.isInteger(n) && n > 0)
    .sort((a, b) => a - b)
}

/**
 * Makes sure that the folder of generation `number` links to exactly `live`. It is built beside and renamed into
 * place; a folder that says the same already is left as it is.
 */
export function buildGeneration(paths: StorePaths, number: number, live: LiveSet): void {
  const folder = paths.generation(number)
  // A link in the folder's place would lead its links elsewhere.
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() && sameSet(rawLinks(folder), live)) return
  trying(`build generation ${number} in ${paths.generations}`, () => {
    const building = join(paths.generations, `.${number}.building`)
    removeWhole(building)
    mkdirSync(building, { recursive: true })
    for (const [id, tree] of live) symlinkSync(`../../trees/${hexOf(tree)}`, join(building, id))
    removeWhole(folder)
    renameSync(building, folder)
  })
}

/**
 * The moment of activation: `current` points to another generation by one rename. It is not synced: after a power cut
 * the database says what is to be live, and the next pass makes `current` follow.
 */
export function switchTo(paths: StorePaths, number: number): void {
  trying(`switch ${paths.current} to generation ${number}`, () => {
    replaceLink(paths.current, linkTo(number))
  })
}

function linkTo(number: number): string {
  return join('generations', String(number))
}

/** True when two sets make the same trees live. */
export function sameSet(a: LiveSet, b: LiveSet): boolean {
  return a.size === b.size && [...a].every(([id, tree]) => b.get(id) === tree)
}

/** What the links say, whether or not their trees exist. Anything that is not a link to a tree counts as another content. */
function rawLinks(folder: string): LiveSet {
  return new Map(readdirSync(folder).map((id) => [id, linkDigest(linkTarget(join(folder, id)))]))
}

const NO_TREE: Digest = 'sha256:'

function linkDigest(target: string | undefined): Digest {
  const hex = /^\.\.\/\.\.\/trees\/([0-9a-f]{64})$/.exec(target ?? '')?.[1]
  return hex === undefined ? NO_TREE : `sha256:${hex}`
}
