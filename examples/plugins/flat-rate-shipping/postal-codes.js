/**
 * Whether a rule holds a postcode: exact (`SW1A 1AA`), the beginning (`SW*`), or a range of numbers of the same length
 * (`10000-19999`). Blanks and case do not count.
 *
 * @param {string} rule
 * @param {string} postalCode
 */
export function holdsPostalCode(rule, postalCode) {
  const code = normal(postalCode)
  const [, from, to] = /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(rule) ?? []
  if (from !== undefined && to !== undefined) return /^\d+$/.test(code) && code.length === from.length && code >= from && code <= to
  const wanted = normal(rule)
  return wanted.endsWith('*') ? code.startsWith(wanted.slice(0, -1)) : code === wanted
}

/** @param {string} text */
function normal(text) {
  return text.replaceAll(/[\s-]/g, '').toUpperCase()
}
