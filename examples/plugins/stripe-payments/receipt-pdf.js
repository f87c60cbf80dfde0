/** Characters of WinAnsiEncoding outside Latin-1 that names, addresses and amounts really use. */
/** @type {Readonly<Record<string, number>>} */
const WIN_ANSI = { '€': 0x80, '‘': 0x91, '’': 0x92, '“': 0x93, '”': 0x94, '–': 0x96, '—': 0x97, 'Š': 0x8a, 'š': 0x9a, 'Ž': 0x8e, 'ž': 0x9e, 'Œ': 0x8c, 'œ': 0x9c, 'Ÿ': 0x9f }

/**
 * Lines of text as a one-page PDF (ISO 32000-1) in pure ASCII, so that it can travel in a text body. A character that
 * the page's font does not have becomes `?`.
 *
 * @param {readonly string[]} lines
 */
export function textPdf(lines) {
  const content = `BT /F1 11 Tf 16 TL 56 780 Td\n${lines.map((line) => `(${escape(line)}) Tj T*`).join('\n')}\nET`
  return assemble([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
  ])
}

/** Numbers the objects and writes the table of where each begins. @param {readonly string[]} objects */
function assemble(objects) {
  let text = '%PDF-1.4\n'
  const offsets = objects.map((object, index) => {
    const offset = text.length
    text += `${index + 1} 0 obj\n${object}\nendobj\n`
    return offset
  })
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  return `${text}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`
}

/** A PDF literal string: specials escaped, everything else beyond ASCII as octal. @param {string} line */
function escape(line) {
  return Array.from(line.normalize('NFC'), (character) => {
    if ('()\\'.includes(character)) return `\\${character}`
    const code = WIN_ANSI[character] ?? character.codePointAt(0) ?? 0
    if (code >= 32 && code <= 126) return character
    return code > 255 || code < 32 || (code < 160 && WIN_ANSI[character] === undefined) ? '?' : `\\${code.toString(8).padStart(3, '0')}`
  }).join('')
}
