/**
 * Makes foreign text safe to show: terminal escape sequences, control characters, bidirectional overrides and
 * invisible characters become visible `\u{…}` marks, so that a name or README can never move the cursor, hide
 * text or forge a line. Newlines stay only when asked for. Text over `max` characters is cut with an ellipsis.
 */
export function printable(text: string, options: { newlines?: boolean; max?: number } = {}): string {
  const max = options.max ?? 20_000
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return cut.replace(UNSAFE, (c) => (c === '\n' && options.newlines ? c : `\\u{${c.codePointAt(0)!.toString(16)}}`))
}

// C0, DEL, C1, soft hyphen, Arabic letter mark, zero-width and bidi controls (UAX #9), line separators, BOM, tags, lone surrogates.
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu
