import { BRANCHES, FORMATS } from './formats.js'

/** @import { Node } from './parse.js' */
/** @typedef {{ locale: string, values: Readonly<Record<string, unknown>>, escape: (text: string) => string }} Setting */

/** @type {Readonly<Record<string, string>>} */
const HTML = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
/** Control characters, and those that turn the direction of text around. */
const INVISIBLE = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/**
 * What happens to a value before it joins the text. The template itself is the shop's and stays as it is; values come
 * from customers.
 *
 * @type {Readonly<Record<string, (text: string) => string>>}
 */
export const ESCAPES = {
  text: (text) => text.replace(INVISIBLE, (character) => ('\n\t'.includes(character) ? character : '')),
  html: (text) => text.replace(/[&<>"']/g, (character) => HTML[character] ?? ''),
  sms: (text) => text.replace(/\s+/g, ' ').replace(INVISIBLE, '').trim(),
}

/**
 * @param {readonly Node[]} nodes
 * @param {Setting} setting
 * @param {string} [number] the number that `#` stands for
 * @returns {string}
 * @throws Error with `code` `missing_value` or `invalid_value`
 */
export function render(nodes, setting, number = '#') {
  return nodes.map((node) => (typeof node === 'string' ? node : node.kind === '#' ? number : node.kind === 'value' ? shown(node, setting) : chosen(node, setting))).join('')
}

/** @param {Extract<Node, { kind: 'value' }>} node @param {Setting} setting */
function shown({ name, format }, setting) {
  const value = valueOf(name, setting)
  const text = format === undefined ? String(value) : attempt(name, () => FORMATS[format]?.(value, setting.locale) ?? '')
  return setting.escape(text)
}

/** @param {Extract<Node, { kind: 'choice' }>} node @param {Setting} setting */
function chosen({ name, branch, cases }, setting) {
  const value = valueOf(name, setting)
  const key = attempt(name, () => BRANCHES[branch]?.(value, setting.locale, (one) => cases[one] !== undefined) ?? 'other')
  const number = typeof value === 'number' ? FORMATS.number?.(value, setting.locale) : undefined
  return render(cases[key] ?? cases.other ?? [], setting, number)
}

/** @param {string} name @param {Setting} setting */
function valueOf(name, { values }) {
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  if (value === undefined || value === null) throw Object.assign(new Error(`message-templates: no value for {${name}}`), { code: 'missing_value' })
  return value
}

/** @template T @param {string} name @param {() => T} work */
function attempt(name, work) {
  try {
    return work()
  } catch (cause) {
    throw Object.assign(new Error(`message-templates: the value for {${name}} does not fit its format`, { cause }), { code: 'invalid_value' })
  }
}
