/** GSM 03.38: the characters that take one septet, and those of its extension table, which take two. */
const BASIC = new Set('@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà')
const EXTENDED = new Set('^{}\\[~]|€\f')

/** Twilio takes no longer body. */
const MAX_CHARACTERS = 1600
const ELLIPSIS = '...'

/** Typographic characters that would force the whole message into UCS-2, with plain ones that say the same. @type {Readonly<Record<string, string>>} */
const PLAIN = { '‘': "'", '’': "'", '‚': ',', '“': '"', '”': '"', '„': '"', '–': '-', '—': '-', '…': '...', '\u00a0': ' ', '\u202f': ' ', '\u2009': ' ', '\t': ' ' }

/**
 * How a text travels: in septets (160 in one SMS, 153 in each of several) or, when one character needs it, in UCS-2 (70
 * and 67).
 *
 * @param {string} text
 * @returns {{ encoding: 'GSM-7' | 'UCS-2', segments: number }}
 */
export function measure(text) {
  const characters = [...text]
  if (characters.every((character) => BASIC.has(character) || EXTENDED.has(character))) {
    return { encoding: 'GSM-7', segments: pack(characters.map((character) => (BASIC.has(character) ? 1 : 2)), 160, 153) }
  }
  return { encoding: 'UCS-2', segments: pack(characters.map((character) => character.length), 70, 67) }
}

/**
 * The text in at most `maxSegments`: typography made plain where that saves, the end cut where it must.
 *
 * @param {string} text
 * @param {number} maxSegments
 */
export function fit(text, maxSegments) {
  const plain = [...text].map((character) => PLAIN[character] ?? character).join('')
  const best = measure(plain).segments < measure(text).segments ? plain : text
  if (fits(best, maxSegments)) return best
  const characters = [...best]
  let [low, high] = [0, characters.length]
  const cut = (/** @type {number} */ length) => characters.slice(0, length).join('').trimEnd() + ELLIPSIS
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(cut(middle), maxSegments)) low = middle
    else high = middle - 1
  }
  return cut(low)
}

/** @param {string} text @param {number} maxSegments */
function fits(text, maxSegments) {
  return text.length <= MAX_CHARACTERS && measure(text).segments <= maxSegments
}

/** Fills segments in order; a character of two units is never torn apart. @param {readonly number[]} sizes @param {number} single @param {number} each */
function pack(sizes, single, each) {
  if (sizes.reduce((sum, size) => sum + size, 0) <= single) return 1
  let [segments, used] = [1, 0]
  for (const size of sizes) {
    if (used + size > each) [segments, used] = [segments + 1, 0]
    used += size
  }
  return segments
}
