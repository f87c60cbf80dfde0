import { describe, expect, test } from 'vitest'
import { factsOf, treeOf } from '../../validator/parse.ts'

const TEXTS = [
  '/* é😀 */ import a from "b\\x62"; export * from "./c.js"; export { x } from "./d.js"; export default class {}',
  'const p = import("./k" + 1); import.meta.url; label: for (;;) break label',
  'const = 1',
  'function f({ a, ...b } = {}, [c] = []) { return `x${a}y` ?? /re/g.exec(b?.[c]) }\nclass A extends f { static #x = 1n; get y() { return this.#x } }',
]

/** More than enough code that the parser changes to its quick road. */
function goFar(): void {
  for (let i = 0; i < 4; i++) factsOf(`export const x = [${'1, '.repeat(30_000)}]`, 'module')
}

describe('the two roads of the parser tell the same', () => {
  const slow = TEXTS.map((text) => ({ facts: factsOf(text, 'module'), tree: text.startsWith('const =') ? undefined : JSON.stringify(treeOf(text, 'module'), noBigInt) }))
  goFar()
  test.each(TEXTS.map((text, i) => [text, i] as const))('%s', (text, i) => {
    expect(factsOf(text, 'module')).toEqual(slow[i]?.facts)
    if (slow[i]?.tree) expect(JSON.stringify(treeOf(text, 'module'), noBigInt)).toBe(slow[i].tree)
  })
})

function noBigInt(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
