import { scalarText } from './plain-yaml.ts'

/* How our tools write YAML into files that people edit: the style of the examples in docs/formats.md. */

export function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}

/** True for what stands on one line: scalars, empty collections, lists of scalars, short mappings of scalars. */
export function isLeaf(value: unknown): boolean {
  if (isScalar(value)) return true
  const items = Object.values(value as object)
  return items.every(isScalar) && (Array.isArray(value) || items.length <= 3)
}

/** A value on one line: `{ orders: read }`, `[a, b]`. A text keeps the quotes of the source that it replaces. */
export function oneLine(value: unknown, before = ''): string {
  if (typeof value === 'string' && before.startsWith('"')) return JSON.stringify(value)
  if (typeof value === 'string' && before.startsWith("'") && !/['\n]/.test(value)) return `'${value}'`
  if (isScalar(value)) return scalarText(value)
  if (Array.isArray(value)) return `[${value.map((item) => oneLine(item)).join(', ')}]`
  const pairs = entriesOf(value as object).map(([key, item]) => `${scalarText(key)}: ${oneLine(item)}`)
  return pairs.length > 0 ? `{ ${pairs.join(', ')} }` : '{}'
}

/** The lines of a mapping or list in block style, without indent of their own; what fits on one line stands on one. */
export function blockLines(value: unknown, step: number): readonly string[] {
  if (Array.isArray(value)) return value.map((item) => `- ${oneLine(item)}`)
  return entriesOf(value as object).flatMap(([key, item]) => {
    if (isLeaf(item) && !isTopEntry(item)) return [`${scalarText(key)}: ${oneLine(item)}`]
    return [`${scalarText(key)}:`, ...blockLines(item, step).map((line) => ' '.repeat(step) + line)]
  })
}

/** A plugin's entry stands in a block of its own even when it holds only a version: more will be added to it. */
function isTopEntry(item: unknown): boolean {
  return typeof item === 'object' && item !== null && 'version' in item
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  return Object.entries(value).filter(([, item]) => item !== undefined)
}
