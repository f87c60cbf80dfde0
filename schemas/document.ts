import type { Place } from './errors.ts'

/** Steps from the root of a document to one of its values: keys and list positions. */
export type Path = readonly (string | number)[]

/** A parsed file whose values still know where they stand, so that every problem can name line and column. */
export interface SourceDocument {
  readonly file: string
  /** Plain JSON data; objects have no key that could change a prototype. */
  readonly value: unknown
  /** Where the value (default) or its key stands; undefined when the path is not in the file. */
  placeOf(path: Path, of?: 'key' | 'value'): Place | undefined
  /** The text of a scalar as written, e.g. `2.10` where the value is the number 2.1; undefined for anything else. */
  sourceOf(path: Path): string | undefined
}

/** The place of the value, else of the nearest ancestor that is in the file, else the file itself. */
export function nearestPlace(document: SourceDocument, path: Path, of: 'key' | 'value' = 'value'): Place {
  for (let length = path.length; length >= 0; length--) {
    const place = document.placeOf(path.slice(0, length), length === path.length ? of : 'value')
    if (place) return place
  }
  return { file: document.file }
}

/** The steps of a JSON pointer (RFC 6901) into a value: numbers where the value is a list. */
export function pathOfPointer(pointer: string, value: unknown): Path {
  let at = value
  return pointer.split('/').slice(1).map((escaped) => {
    const key = escaped.replaceAll('~1', '/').replaceAll('~0', '~')
    const step = Array.isArray(at) ? Number(key) : key
    at = (at as Record<string | number, unknown> | null | undefined)?.[step]
    return step
  })
}

/** A path as people write it: `plugins.stripe-payments.permissions.api[0]`; the root is the empty text. */
export function pathText(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${PLAIN.test(step) ? step : JSON.stringify(step)}`)).join('')
}

const PLAIN = /^[A-Za-z0-9_$@+/:-][A-Za-z0-9_@+/:.-]*$/
