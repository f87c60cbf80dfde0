import { gzipSync } from 'node:zlib'

/** A tar archive by hand: valid by default, each test states only what is odd. */
export interface Odd {
  readonly name?: string | Buffer
  readonly prefix?: string
  readonly body?: string | Uint8Array
  /** Typeflag character; '0' file, '5' folder. */
  readonly type?: string
  readonly mode?: string
  /** The size field as text; defaults to the body's length in octal. */
  readonly size?: string
  readonly link?: string
  readonly magic?: string
  readonly checksum?: number
}

export const MANIFEST: Odd = { name: 'package/manifest.json', body: '{"id":"demo"}' }

const END = Buffer.alloc(1024)

/** Blocks of one entry. */
export function entry(odd: Odd): Buffer {
  const body = Buffer.from(odd.body ?? '')
  const header = Buffer.alloc(512)
  const write = (at: number, value: string | Buffer): void => void (typeof value === 'string' ? Buffer.from(value, 'utf8') : value).copy(header, at)
  write(0, odd.name ?? 'package/index.js')
  write(100, odd.mode ?? '0000644\0')
  write(108, '0000000\0')
  write(116, '0000000\0')
  write(124, odd.size ?? `${body.length.toString(8).padStart(11, '0')}\0`)
  write(136, '00000000000\0')
  write(148, '        ')
  write(156, odd.type ?? '0')
  write(157, odd.link ?? '')
  write(257, odd.magic ?? 'ustar\u000000')
  write(345, odd.prefix ?? '')
  const sum = odd.checksum ?? header.reduce((total, byte) => total + byte, 0)
  write(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)])
}

export function tar(...entries: readonly Odd[]): Buffer {
  return Buffer.concat([...entries.map(entry), END])
}

/** A package with a manifest and whatever is given. */
export function archive(...entries: readonly Odd[]): Buffer {
  return gzipSync(tar(MANIFEST, ...entries))
}

/** The body of a PAX header: `length key=value` lines. */
export function pax(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`
      let length = Buffer.byteLength(rest) + 1
      while (`${length}`.length + Buffer.byteLength(rest) !== length) length = `${length}`.length + Buffer.byteLength(rest)
      return `${length}${rest}`
    })
    .join('')
}
