import { parseVersion, pinnedVersion, rangeTest, type ParsedVersion } from '../../schemas/versions.ts'

/** A range that was read: what it lets through. Both tests undefined when the text is not a range. One object per text, so that readings are compared instead of texts. */
export interface RangeReading {
  readonly text: string
  readonly strict: ((version: ParsedVersion) => boolean) | undefined
  /** Prereleases count as well. */
  readonly loose: ((version: ParsedVersion) => boolean) | undefined
  /** The version that the range pins. */
  readonly pinned: string | undefined
}

/** Reads every version and range text once: thousands of releases repeat the same few. */
export class Readings {
  readonly #ranges = new Map<string, RangeReading>()
  readonly #versions = new Map<string, ParsedVersion | undefined>()

  range(text: string): RangeReading {
    let tests = this.#ranges.get(text)
    if (tests === undefined) {
      tests = { text, strict: rangeTest(text), loose: rangeTest(text, true), pinned: pinnedVersion(text) }
      this.#ranges.set(text, tests)
    }
    return tests
  }

  isRange(text: string): boolean {
    return this.range(text).strict !== undefined
  }

  version(text: string): ParsedVersion | undefined {
    if (!this.#versions.has(text)) this.#versions.set(text, parseVersion(text))
    return this.#versions.get(text)
  }
}
