/**
 * A set over what one plugin can be: bit 0 stands for "not installed", bit i + 1 for version i. Words of 32 bits in a
 * plain array (typed arrays are four times as heavy, and nearly all sets are one word). Never changed once made, so
 * shared freely. All sets of one plugin have the same length.
 */
export type Bits = readonly number[]

const wordsFor = (versions: number): number => (versions >>> 5) + 1

const WHOLE: Bits[] = []

/** "Not installed" and every one of so many versions. */
export function everything(versions: number): Bits {
  return (WHOLE[versions] ??= makeEverything(versions))
}

function makeEverything(versions: number): Bits {
  const bits = new Array<number>(wordsFor(versions)).fill(-1)
  const used = (versions + 1) & 31
  if (used !== 0) bits[bits.length - 1] = (2 ** used - 1) | 0
  return bits
}

/** The versions for which `test` holds; not "not installed". */
export function versionsWhere(versions: number, test: (version: number) => boolean): Bits {
  const bits = new Array<number>(wordsFor(versions)).fill(0)
  for (let v = 0; v < versions; v++) if (test(v)) bits[(v + 1) >>> 5]! |= 1 << ((v + 1) & 31)
  return bits
}

/** The versions that `nth` names for each number below `count`, -1 for none; not "not installed". */
export function versionsOf(versions: number, count: number, nth: (i: number) => number): Bits {
  const bits = new Array<number>(wordsFor(versions)).fill(0)
  for (let i = 0; i < count; i++) {
    const v = nth(i)
    if (v >= 0) bits[(v + 1) >>> 5]! |= 1 << ((v + 1) & 31)
  }
  return bits
}

/** One version alone. */
export function only(version: number, versions: number): Bits {
  return versionsOf(versions, 1, () => version)
}

/** The same set without "not installed". */
export function withoutAbsent(a: Bits): Bits {
  return a.map((word, i) => (i === 0 ? word & ~1 : word))
}

/** What is in one of the two. */
export function union(a: Bits, b: Bits): Bits {
  return a.map((word, i) => word | b[i]!)
}

/** What is in both. */
export function intersection(a: Bits, b: Bits): Bits {
  return a.map((word, i) => word & b[i]!)
}

/** What is in the first and not in the second. */
export function minus(a: Bits, b: Bits): Bits {
  return a.map((word, i) => word & ~b[i]!)
}

/** True when everything in the first is in the second. */
export function isSubset(a: Bits, b: Bits): boolean {
  for (let i = 0; i < a.length; i++) if ((a[i]! & ~b[i]!) !== 0) return false
  return true
}

/** True when nothing is in both. */
export function isDisjoint(a: Bits, b: Bits): boolean {
  for (let i = 0; i < a.length; i++) if ((a[i]! & b[i]!) !== 0) return false
  return true
}

/** True when nothing is in the set. */
export function isEmpty(a: Bits): boolean {
  return a.every((word) => word === 0)
}

/** True when "not installed" is in the set. */
export function hasAbsent(a: Bits): boolean {
  return (a[0]! & 1) !== 0
}

/** True when the version is in the set. */
export function hasVersion(a: Bits, version: number): boolean {
  return (a[(version + 1) >>> 5]! & (1 << ((version + 1) & 31))) !== 0
}

/** The lowest version in the set, or -1. Versions are numbered from the newest, so this is the newest one. */
export function firstVersion(a: Bits): number {
  for (let i = 0; i < a.length; i++) {
    const word = i === 0 ? a[0]! & ~1 : a[i]!
    if (word !== 0) return i * 32 + 31 - Math.clz32(word & -word) - 1
  }
  return -1
}

/** The versions in the set, lowest first. */
export function versionsIn(a: Bits, versions: number): number[] {
  const found: number[] = []
  for (let v = 0; v < versions; v++) if (hasVersion(a, v)) found.push(v)
  return found
}

/** How many things are in the set. */
export function count(a: Bits): number {
  let sum = 0
  for (let word of a) for (; word !== 0; word &= word - 1) sum += 1
  return sum
}

/** True when exactly one version, and not "not installed", is left. */
export function isDecided(a: Bits): boolean {
  if (hasAbsent(a)) return false
  let seen = false
  for (const word of a) {
    if (word === 0) continue
    if (seen || (word & (word - 1)) !== 0) return false
    seen = true
  }
  return seen
}
