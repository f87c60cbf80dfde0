import type { Rule } from '../rule.ts'

/**
 * WebAssembly is not machine code of one system and can do only what JavaScript hands to it, so it is not refused; but
 * no rule can read it, and a person should know. Importing it as a module is refused by `import-forbidden`, because such
 * a module may import Node's own modules by itself.
 */
export const wasm: Rule = {
  id: 'wasm',
  severity: 'warning',
  title: 'WebAssembly cannot be read by these rules.',
  hint: 'Say in the README what it is and from which sources it was built.',
  words: ['WebAssembly'],
  *check(pkg) {
    for (const { path } of pkg.files) {
      const bytes = pkg.bytes(path)
      if (bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d) yield { place: pkg.place(path), message: `${path} is WebAssembly` }
    }
  },
  visit: (_file, say) => ({
    Identifier(node) {
      if (node.name === 'WebAssembly') say(node.start, 'code uses WebAssembly')
    },
  }),
}
