import semver from 'semver'

/* The one door to `semver`: strict parsing, no coercion, build metadata kept out of precedence (semver 2.0.0 §10). */

/** The version in normal form, or undefined when the text is not an exact semver 2.0.0 version. */
export function exactVersion(text: string): string | undefined {
  return parseVersion(text) === undefined ? undefined : text
}

/** True when the text is a range that semver understands, at most 256 characters long. An empty alternative (`^1 ||`) would mean any version: it is none. */
export function isRange(text: string): boolean {
  return text.length <= 256 && text.split('||').every((part) => part.trim() !== '') && semver.validRange(text) !== null
}

/** True for a range that `isRange` takes and `isSatisfiable` too. Stores ask for the same few ranges again and again. */
export function isUsableRange(text: string): boolean {
  const known = usable.get(text)
  if (known !== undefined) return known
  const answer = isRange(text) && isSatisfiable(text)
  if (usable.size < MOST_REMEMBERED) usable.set(text, answer)
  return answer
}

const usable = new Map<string, boolean>()
const MOST_REMEMBERED = 1_000

/** True when at least one version could satisfy the range (`>2 <1` is empty). The range must be valid. */
export function isSatisfiable(range: string): boolean {
  const parsed = new semver.Range(range)
  return parsed.set.some((comparators) => {
    try {
      const only = comparators.map((c) => c.value || '*').join(' ')
      const least = semver.minVersion(only)
      return least !== null && semver.satisfies(least, only, { includePrerelease: true })
    } catch {
      return false
    }
  })
}

/** True when the version satisfies the range; prereleases only where the range names them, or when asked for. */
export function satisfies(version: string, range: string, includePrerelease = false): boolean {
  return semver.satisfies(version, range, { includePrerelease })
}

export function isPrerelease(version: string): boolean {
  return semver.prerelease(version) !== null
}

/** Order by precedence, ties by code unit of the whole text, so that no two different versions are equal. */
export function compareVersions(a: string, b: string): number {
  return semver.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0)
}

/** How far a step from one version to a higher one goes. */
export function upgradeLevel(from: string, to: string): 'none' | 'patch' | 'minor' | 'major' {
  const diff = semver.diff(from, to)
  if (diff === null) return 'none'
  if (diff === 'major' || diff === 'premajor') return 'major'
  if (diff === 'minor' || diff === 'preminor') return semver.major(from) === 0 ? 'major' : 'minor'
  return 'patch'
}

/** A version parsed once, for many comparisons. */
export type ParsedVersion = semver.SemVer

/** The parsed version, or undefined when the text is not an exact semver 2.0.0 version. */
export function parseVersion(text: string): ParsedVersion | undefined {
  // semver.parse forgives a leading v and blanks around; a version in our files is written one way only
  return /^\d\S*$/.test(text) ? (semver.parse(text) ?? undefined) : undefined
}

/** The order of `compareVersions`, for versions that were parsed before. */
export function compareParsed(a: ParsedVersion, b: ParsedVersion): number {
  return a.compare(b) || (a.raw < b.raw ? -1 : a.raw > b.raw ? 1 : 0)
}

/** A range parsed once, as a test that answers like `satisfies`; undefined when the text is not a range. */
export function rangeTest(range: string, includePrerelease = false): ((version: ParsedVersion) => boolean) | undefined {
  if (range.length > 256) return undefined
  try {
    const parsed = new semver.Range(range, { includePrerelease })
    return (version) => (version.prerelease.length > 0 ? parsed.test(version) : holdsForRelease(parsed, version))
  } catch {
    return undefined
  }
}

/** What `Range.test` answers for a release, without the objects that it makes for every comparison. */
function holdsForRelease(range: semver.Range, version: ParsedVersion): boolean {
  for (const comparators of range.set) {
    let all = true
    for (const comparator of comparators) all &&= holds(comparator, version)
    if (all) return true
  }
  return false
}

function holds({ operator, semver: bound }: semver.Comparator, version: ParsedVersion): boolean {
  if (!(bound instanceof semver.SemVer)) return true
  const order = version.compare(bound)
  switch (operator) {
    case '>':
      return order > 0
    case '>=':
      return order >= 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    default:
      return order === 0
  }
}

/** The version that a range pins (`2.1.3`, `=2.1.3`), or undefined when it leaves a choice. */
export function pinnedVersion(range: string): string | undefined {
  return exactVersion(range.replace(/^=\s*/, ''))
}
