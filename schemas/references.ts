import type { Path } from './document.ts'
import type { Place, Problem } from './errors.ts'
import { pathText } from './document.ts'

/*
 * References to what must not stand in git: `${env:NAME}` and `${file:path}`, alone or inside a text. `$${` writes a
 * plain `${`. Values are looked up when applying; until then a reference is only a promise.
 */

/** One reference of a text. */
export interface Reference {
  readonly kind: 'env' | 'file'
  readonly name: string
}

const REFERENCE = /\$?\$\{([^}]*)(\}?)/g
const NAMES = {
  env: /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
  // Relative to the store's folder or absolute (a container mounts secrets there); never a way out by dots.
  file: /^(?!.*(^|\/)\.\.(\/|$))[A-Za-z0-9_./@+-]{1,300}$/,
} as const

/** The references of a text that are well formed, in their order. */
export function referencesIn(text: string): readonly Reference[] {
  return pieces(text).flatMap((piece) => (typeof piece === 'object' ? [piece] : []))
}

/** A reference as it is written: `${env:NAME}`. */
export function referenceText({ kind, name }: Reference): string {
  return `\${${kind}:${name}}`
}

/** All references of a value, at any depth, each with where it first stands; sorted by their text. */
export function allReferences(value: unknown): readonly { readonly reference: Reference; readonly path: Path }[] {
  const found = new Map<string, { reference: Reference; path: Path }>()
  const visit = (at: unknown, path: Path): void => {
    if (typeof at === 'string') for (const reference of referencesIn(at)) if (!found.has(referenceText(reference))) found.set(referenceText(reference), { reference, path })
    if (Array.isArray(at)) at.forEach((item, i) => visit(item, [...path, i]))
    else if (typeof at === 'object' && at !== null) for (const [key, item] of Object.entries(at)) visit(item, [...path, key])
  }
  visit(value, [])
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place)
}

/** True when the text is one reference and nothing else. */
export function isReference(value: unknown): value is string {
  return typeof value === 'string' && /^\$\{(env|file):[^}]+\}$/.test(value) && referencesIn(value).length === 1
}

/** What is wrong with the references in a value, at any depth: unknown kinds, bad names, a brace that is never closed. */
export function referenceProblems(value: unknown, path: Path, placeOf: (path: Path) => Place | undefined): readonly Problem[] {
  if (typeof value === 'string') return textProblems(value, path, placeOf)
  if (Array.isArray(value)) return value.flatMap((item, i) => referenceProblems(item, [...path, i], placeOf))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => referenceProblems(item, [...path, key], placeOf))
}

/** The value with every reference replaced by what `lookup` tells, at any depth. Pure; what `lookup` throws passes through. */
export function substitute(value: unknown, lookup: (reference: Reference) => string): unknown {
  if (typeof value === 'string') return pieces(value).map((piece) => (typeof piece === 'object' ? lookup(piece) : piece)).join('')
  if (Array.isArray(value)) return value.map((item) => substitute(item, lookup))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, substitute(item, lookup)]))
}

function pieces(text: string): readonly (string | Reference)[] {
  const found: (string | Reference)[] = []
  let end = 0
  for (const match of text.matchAll(REFERENCE)) {
    found.push(text.slice(end, match.index), reading(match) ?? (match[0].startsWith('$$') ? match[0].slice(1) : match[0]))
    end = match.index + match[0].length
  }
  return [...found, text.slice(end)]
}

function reading([whole, inside = '', close]: RegExpMatchArray): Reference | undefined {
  if (whole.startsWith('$$') || close !== '}') return undefined
  const colon = inside.indexOf(':')
  const kind = inside.slice(0, colon)
  const name = inside.slice(colon + 1)
  return (kind === 'env' || kind === 'file') && NAMES[kind].test(name) ? { kind, name } : undefined
}

function textProblems(text: string, path: Path, placeOf: (path: Path) => Place | undefined): readonly Problem[] {
  const bad = [...text.matchAll(REFERENCE)].filter((match) => !match[0].startsWith('$$') && !reading(match))
  const place = bad.length > 0 ? placeOf(path) : undefined
  return bad.map((match) => ({
    code: 'INVALID_VALUE',
    message: `${pathText(path)}: ${reason(match)}`,
    hint: 'Write ${env:NAME} or ${file:path/to/secret}; a plain ${ is written $${.',
    ...(place && { place }),
  }))
}

/** What stands where a reference was not meant may be a piece of a secret: only names after `env:` and `file:` are told. */
function reason([, inside = '', close]: RegExpMatchArray): string {
  if (close !== '}') return 'a reference is never closed'
  const kind = inside.split(':')[0] ?? ''
  if (kind !== 'env' && kind !== 'file') return 'there is a reference that is neither ${env:…} nor ${file:…}'
  return `${JSON.stringify(inside.slice(kind.length + 1, 60))} cannot be the name of ${kind === 'env' ? 'a variable' : 'a file'}`
}
