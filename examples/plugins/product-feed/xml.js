/** @type {Readonly<Record<string, string>>} */
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/** Everything that is no Char of XML 1.0 (2.2): control characters, halves of pairs, U+FFFE and U+FFFF. One would spoil the whole file. */
const NO_CHAR = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

/**
 * @param {string} name
 * @param {string} text any text
 */
export function element(name, text) {
  return `<${name}>${text.replace(NO_CHAR, '').replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')}</${name}>`
}
