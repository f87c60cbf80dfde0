import { BRANCHES, FORMATS } from './formats.js'

/**
 * A part of a template: text, a value, or a choice between messages. `#` is the number of the choice around it.
 *
 * @typedef {string | { kind: 'value', name: string, format: string | undefined } | { kind: 'choice', name: string, branch: string, cases: Record<string, Node[]> } | { kind: '#' }} Node
 */

const MAX_DEPTH = 5

/**
 * Reads a message in ICU MessageFormat, as far as we know it:
 * `{name}`, `{total, money}`, `{n, plural, one {# item} other {# items}}`; `''` and `'{'` quote.
 *
 * @param {string} source
 * @returns {Node[]}
 * @throws Error with `code` `invalid_template` and the place
 */
export function parse(source) {
  const reader = { source, at: 0 }
  const nodes = message(reader, 0)
  if (reader.at < source.length) throw problem(reader, "a '}' without a '{'")
  return nodes
}

/** @typedef {{ source: string, at: number }} Reader */

/** @param {Reader} reader @param {number} depth 0 is the template itself, more is inside of choices @returns {Node[]} */
function message(reader, depth) {
  if (depth > MAX_DEPTH) throw problem(reader, `choices nested deeper than ${MAX_DEPTH}`)
  /** @type {Node[]} */
  const nodes = []
  while (reader.at < reader.source.length && reader.source[reader.at] !== '}') {
    const character = reader.source[reader.at]
    if (character === '{') nodes.push(argument(reader, depth))
    else if (character === '#' && depth > 0) nodes.push(move(reader, reader.at + 1, { kind: '#' }))
    else nodes.push(character === "'" ? quoted(reader) : plain(reader, depth))
  }
  return nodes
}

/** @param {Reader} reader @param {number} depth */
function plain(reader, depth) {
  const stop = depth > 0 ? /[{}'#]/g : /[{}']/g
  stop.lastIndex = reader.at
  const end = stop.exec(reader.source)?.index ?? reader.source.length
  return move(reader, end, reader.source.slice(reader.at, end))
}

/** `''` is an apostrophe, `'{…'` is text as it stands, any other `'` is itself. @param {Reader} reader */
function quoted(reader) {
  const { source, at } = reader
  const next = source[at + 1] ?? ''
  if (next === '' || !"'{}#".includes(next)) return move(reader, at + 1, "'")
  if (next === "'") return move(reader, at + 2, "'")
  const end = source.indexOf("'", at + 1)
  return end < 0 ? move(reader, source.length, source.slice(at + 1)) : move(reader, end + 1, source.slice(at + 1, end))
}

/** @template T @param {Reader} reader @param {number} to @param {T} node what was read on the way */
function move(reader, to, node) {
  reader.at = to
  return node
}

/** @param {Reader} reader @param {number} depth @returns {Node} */
function argument(reader, depth) {
  expect(reader, '{')
  const name = word(reader)
  if (accept(reader, '}')) return { kind: 'value', name, format: undefined }
  if (!accept(reader, ',')) throw problem(reader, "'}' is missing")
  const kind = word(reader)
  if (Object.hasOwn(BRANCHES, kind)) {
    expect(reader, ',')
    return { kind: 'choice', name, branch: kind, cases: cases(reader, depth) }
  }
  if (!Object.hasOwn(FORMATS, kind)) throw problem(reader, `'${kind}' is no format; there are ${[...Object.keys(FORMATS), ...Object.keys(BRANCHES)].join(', ')}`)
  expect(reader, '}')
  return { kind: 'value', name, format: kind }
}

/** @param {Reader} reader @param {number} depth */
function cases(reader, depth) {
  /** @type {Record<string, Node[]>} */
  const found = Object.create(null)
  while (!accept(reader, '}')) {
    const key = word(reader)
    expect(reader, '{')
    found[key] = message(reader, depth + 1)
    expect(reader, '}')
  }
  if (found.other === undefined) throw problem(reader, "a choice needs a case 'other'")
  return found
}

/** @param {Reader} reader */
function word(reader) {
  skipSpace(reader)
  const found = /^=?[A-Za-z0-9_.-]{1,60}/.exec(reader.source.slice(reader.at, reader.at + 62))?.[0]
  if (found === undefined) throw problem(reader, 'a name is missing')
  reader.at += found.length
  return found
}

/** @param {Reader} reader @param {string} character */
function accept(reader, character) {
  skipSpace(reader)
  if (reader.source[reader.at] !== character) return false
  reader.at += 1
  return true
}

/** @param {Reader} reader @param {string} character */
function expect(reader, character) {
  if (!accept(reader, character)) throw problem(reader, `'${character}' is missing`)
}

/** @param {Reader} reader */
function skipSpace(reader) {
  while (/\s/.test(reader.source[reader.at] ?? '')) reader.at += 1
}

/** @param {Reader} reader @param {string} what */
function problem({ at }, what) {
  return Object.assign(new Error(`${what}, at character ${at + 1}`), { code: 'invalid_template' })
}
