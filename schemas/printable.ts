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

// Control characters (Cc), line and paragraph separators, lone surrogates, interlinear marks, and all that Unicode calls
// default-ignorable: bidi controls (UAX #9), zero-width and filler characters, tags. Not the two selectors of emoji style.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}\ufff9-\ufffb]|(?![\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}/gu
