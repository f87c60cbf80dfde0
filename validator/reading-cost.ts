import { levelsOf } from './nesting.ts'

/*
 * oxc keeps each mistake of a text with a picture of the lines that it spans and of the lines beside. Texts made for it
 * have thousands of mistakes in one long line, or mistakes in mistakes over the whole file: 80 KB become 4 GB. This bounds
 * from above how large all pictures together can be, before anything is parsed.
 */

/** Shorter texts cannot cost much: 10,000 characters have at most 3,000 mistakes. */
const CHEAP_CHARS = 10_000

/** Characters of pictures that we let the parser make in our own process. Bundles of a megabyte in lines of 100 stay below it; minified ones do not. */
const MAX_PICTURE_CHARS = 150_000_000

/** True when reading the text can cost more memory than is good for this process, should the text be made for it. Linear time. */
export function costsTooMuch(text: string): boolean {
  if (text.length <= CHEAP_CHARS) return false
  return ofLines(text) > MAX_PICTURE_CHARS || ofSpans(text) > MAX_PICTURE_CHARS
}

/** Each mistake needs a character that is neither letter, digit nor blank, and shows its line and the two beside it. */
function ofLines(text: string): number {
  let sum = 0
  let before = 0
  let line = { chars: 0, signs: 0 }
  for (let start = 0; start <= text.length; ) {
    const end = text.indexOf('\n', start)
    const stop = end < 0 ? text.length : end
    const next = { chars: stop - start, signs: signsIn(text, start, stop) }
    sum += line.signs * (before + line.chars + next.chars)
    before = line.chars
    line = next
    start = stop + 1
  }
  return sum + line.signs * (before + line.chars)
}

function signsIn(text: string, start: number, stop: number): number {
  let signs = 0
  for (let i = start; i < stop; i++) {
    const code = text.charCodeAt(i)
    if (code > 32 && (code < 48 || (code > 57 && code < 65) || (code > 90 && code < 97 && code !== 95) || code > 122)) signs++
  }
  return signs
}

/** A mistake may span many lines, but only as many spans lie over one line as the code nests there. */
function ofSpans(text: string): number {
  return text.length * levelsOf(text)
}
