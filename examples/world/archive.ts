import { Header, Pax } from 'tar'
import { gzipSync } from 'node:zlib'

/** One member of an archive, said byte by byte, so that tests can also make the ones that nobody should unpack. */
export interface Member {
  readonly path: string
  /** Default `File`. */
  readonly type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'CharacterDevice' | 'BlockDevice' | 'FIFO'
  readonly bytes?: string | Uint8Array
  /** Default 0o644. */
  readonly mode?: number
  /** Target of a link. */
  readonly linkpath?: string
}

const BLOCK = 512
/** npm's own date in reproducible archives would do as well; what counts is that it never changes. */
const MTIME = new Date(0)

/** A gzipped tar of the members in their order: the same bytes whenever and wherever it is made with the same Node. */
export function tgz(members: readonly Member[]): Buffer {
  const zipped = gzipSync(tarOf(members), { level: 9 })
  // RFC 1952 2.3: the header's time is 0 already; 255 is "unknown operating system".
  zipped[9] = 255
  return zipped
}

/** The tar without gzip: ustar, with a pax header where a path is too long for it. */
export function tarOf(members: readonly Member[]): Buffer {
  return Buffer.concat([...members.flatMap(blocksOf), Buffer.alloc(2 * BLOCK)])
}

function blocksOf(member: Member): Buffer[] {
  const body = Buffer.from(member.bytes ?? '')
  const header = new Header({
    path: member.path, type: member.type ?? 'File', mode: member.mode ?? 0o644, size: body.length, mtime: MTIME, uid: 0, gid: 0,
    ...(member.linkpath === undefined ? {} : { linkpath: member.linkpath }),
  })
  const block = Buffer.alloc(BLOCK)
  const tooLong = header.encode(block)
  const pax = tooLong ? [new Pax({ path: member.path, ...(member.linkpath === undefined ? {} : { linkpath: member.linkpath }) }).encode()] : []
  return [...pax, block, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]
}
