/** @type {Readonly<Record<string, string>>} */
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

/**
 * @param {string} name
 * @param {string} text any text
 */
export function element(name, text) {
  return `<${name}>${text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')}</${name}>`
}
