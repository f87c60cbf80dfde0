import type { Rule } from '../rule.ts'

/** First bytes that name a format, in hexadecimal. `cafebabe` is a universal Mach-O file and a Java class alike. */
const MAGIC: readonly (readonly [string, string])[] = [
  ['7f454c46', 'an ELF program'],
  ['feedface', 'a Mach-O program'],
  ['feedfacf', 'a Mach-O program'],
  ['cefaedfe', 'a Mach-O program'],
  ['cffaedfe', 'a Mach-O program'],
  ['cafebabe', 'a Mach-O program or a Java class'],
  ['cafebabf', 'a Mach-O program'],
  ['213c617263683e0a', 'a static library'],
]

const NATIVE_NAME = /\.(node|dll|so(\.\d+)*|dylib|exe|a|lib)$/i

export const nativeBinary: Rule = {
  id: 'native-binary',
  severity: 'error',
  title: 'A plugin is JavaScript: no machine code.',
  hint: 'Use a pure JavaScript library instead.',
  *check(pkg) {
    for (const { path } of pkg.files) {
      const what = nativeKind(pkg.bytes(path)) ?? (NATIVE_NAME.test(path) ? 'a native library by its name' : undefined)
      if (what) yield { place: pkg.place(path), message: `${path} is ${what}` }
    }
  },
}

function nativeKind(bytes: Uint8Array): string | undefined {
  if (bytes.length < 4) return undefined
  const first = bytes[0]
  if (first === 0x4d && bytes[1] === 0x5a && isPortableExecutable(bytes)) return 'a Windows program'
  if (first === 0x7f || first === 0xfe || first === 0xce || first === 0xcf || first === 0xca || first === 0x21) {
    const head = Buffer.from(bytes.subarray(0, 8)).toString('hex')
    return MAGIC.find(([magic]) => head.startsWith(magic))?.[1]
  }
  return undefined
}

/** `MZ` alone begins many texts; a program also points at its `PE` header (PE format, MS-DOS stub). */
function isPortableExecutable(bytes: Uint8Array): boolean {
  if (bytes.length < 0x40) return false
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0x3c, true)
  return bytes[header] === 0x50 && bytes[header + 1] === 0x45 && bytes[header + 2] === 0 && bytes[header + 3] === 0
}
