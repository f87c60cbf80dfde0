import { distance } from 'fastest-levenshtein'
import type { Path } from './document.ts'
import { pathText } from './document.ts'

/** The known word that was probably meant: the nearest one, at most two letters or a third of them away; undefined when none is near. */
export function suggestion(word: string, known: readonly string[]): string | undefined {
  if (word.length > 64) return undefined
  const lower = word.toLowerCase().replaceAll(/[_\s]/g, '-')
  const ranked = known
    .map((name) => ({ name, away: distance(lower, name.toLowerCase()) }))
    .filter(({ name, away }) => away <= (name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3))))
    .toSorted((a, b) => a.away - b.away)
  return ranked[0]?.name
}

/** The part of a schema that we walk through. */
interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>
  readonly additionalProperties?: Shape | boolean
  readonly propertyNames?: { readonly pattern?: string }
  readonly items?: Shape
  readonly anyOf?: readonly Shape[]
}

/** Where an unknown key would have been right, one level up or down: the commonest slip in YAML is the wrong indent. */
export function nestingHint(root: object, path: Path, key: string): string | undefined {
  const here = shapesAt(root as Shape, path)
  for (const [name, child] of here.flatMap((shape) => Object.entries(shape.properties ?? {}))) {
    if (child.properties?.[key] || child.anyOf?.some((branch) => branch.properties?.[key])) return `It belongs under ${name}: one level further in.`
  }
  for (let up = path.length - 1; up >= 0; up--) {
    const owner = shapesAt(root as Shape, path.slice(0, up)).some((shape) => shape.properties?.[key])
    if (owner) return `It belongs ${up === 0 ? 'at the top of the file' : `to ${pathText(path.slice(0, up))}`}: indent it less.`
  }
  const keyed = here.flatMap((shape) => Object.entries(shape.properties ?? {})).find(([, child]) => acceptsKey(child, key))
  return keyed ? `If it is meant as an entry of ${keyed[0]}, indent it under ${keyed[0]}:.` : undefined
}

function acceptsKey(shape: Shape, key: string): boolean {
  const pattern = shape.propertyNames?.pattern
  return pattern !== undefined && new RegExp(pattern).test(key)
}

function shapesAt(root: Shape, path: Path): readonly Shape[] {
  let shapes: readonly Shape[] = [root]
  for (const step of path) {
    shapes = shapes.flatMap((shape) => [shape, ...(shape.anyOf ?? [])]).flatMap((shape) => stepInto(shape, step))
  }
  return shapes.flatMap((shape) => [shape, ...(shape.anyOf ?? [])])
}

function stepInto(shape: Shape, step: string | number): readonly Shape[] {
  if (typeof step === 'number') return shape.items ? [shape.items] : []
  const property = shape.properties && Object.hasOwn(shape.properties, step) ? shape.properties[step] : undefined
  if (property) return [property]
  return typeof shape.additionalProperties === 'object' ? [shape.additionalProperties] : []
}
