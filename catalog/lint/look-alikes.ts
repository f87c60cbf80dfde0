import { byCodeUnit } from '../../schemas/digest.ts'

/** Another id that a person could take for this one, and by what. */
export interface LookAlike {
  readonly id: string
  readonly why: 'letters that look alike' | 'the same words in another order' | 'the same but for hyphens' | 'the same but for a plural' | 'one letter apart'
}

/** Ids that are looked through at once: each new one costs its own length, not the length of the list. */
export interface LookAlikes {
  /** The ids known that `id` could be taken for, `id` itself left out; sorted, each with its first reason. */
  of(id: string): readonly LookAlike[]
}

/** Shorter ids are one letter apart from everything. */
const MIN_FOR_DISTANCE = 5

/** Prepares a list of ids. Pure. */
export function lookAlikes(ids: readonly string[]): LookAlikes {
  const forms = FORMS.map(({ why, of }) => ({ why, of, known: Map.groupBy(ids, of) }))
  const shortened = new Map<string, string[]>()
  for (const id of ids) for (const form of withoutOne(id)) shortened.getOrInsertComputed(form, () => []).push(id)
  return {
    of: (id) => {
      const found = new Map<string, LookAlike['why']>()
      const add = (other: string, why: LookAlike['why']): void => void (other !== id && !found.has(other) && found.set(other, why))
      for (const { why, of, known } of forms) for (const other of known.get(of(id)) ?? []) add(other, why)
      for (const form of withoutOne(id)) for (const other of shortened.get(form) ?? []) if (oneApart(id, other)) add(other, 'one letter apart')
      return [...found].map(([other, why]) => ({ id: other, why })).sort((a, b) => byCodeUnit(a.id, b.id))
    },
  }
}

/** Forms in which look-alikes are equal. */
const FORMS: readonly { readonly why: LookAlike['why']; readonly of: (id: string) => string }[] = [
  { why: 'the same but for hyphens', of: (id) => id.replaceAll('-', '') },
  { why: 'the same words in another order', of: (id) => id.split('-').sort(byCodeUnit).join('-') },
  { why: 'the same but for a plural', of: (id) => id.split('-').map(singular).join('-') },
  { why: 'letters that look alike', of: skeleton },
]

function singular(word: string): string {
  return word.length > 3 ? word.replace(/(?<!s)s$/, '').replace(/e$/, '') : word
}

/** As UTS #39 does for all of Unicode; ids have letters, digits and hyphens alone. */
function skeleton(id: string): string {
  return id.replaceAll('rn', 'm').replaceAll('vv', 'w').replaceAll('cl', 'd').replaceAll('0', 'o').replace(/[1i]/g, 'l').replaceAll('5', 's').replaceAll('8', 'b')
}

/** The id, and the id without each of its letters: ids that are one edit or one swap apart share one of these. */
function withoutOne(id: string): ReadonlySet<string> {
  if (id.length < MIN_FOR_DISTANCE) return new Set()
  return new Set([id, ...Array.from(id, (_, at) => id.slice(0, at) + id.slice(at + 1))])
}

/** One letter more, less or other, or two neighbours swapped (Damerau). */
function oneApart(a: string, b: string): boolean {
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1
  let end = 0
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  if (left.length <= 1 && right.length <= 1) return true
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0]
}
