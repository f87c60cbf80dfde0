import { parseVersion, pinnedVersion, rangeTest, type ParsedVersion } from '../../schemas/versions.ts'

/** What a range lets through. Both undefined when the text is not a range. */
export interface RangeTests {
  readonly strict: ((version: ParsedVersion) => boolean) | undefined
  /** Prereleases count as well. */
  readonly loose: ((version: ParsedVersion) => boolean) | undefined
  /** The version that the range pins. */
  readonly pinned: string | undefined
}

/** Reads every version and range text once: thousands of releases repeat the same few. */
export class Readings {
  readonly #ranges = new Map<string, RangeTests>()
  readonly #versions = new Map<string, ParsedVersion | undefined>()

  range(text: string): RangeTests {
    let tests = this.#ranges.get(text)
    if (tests === undefined) {
      tests = { strict: rangeTest(text), loose: rangeTest(text, true), pinned: pinnedVersion(text) }
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
