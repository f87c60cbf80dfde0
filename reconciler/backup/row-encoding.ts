import { CatalystError } from '../../schemas/errors.ts'

/*
 * How rows of SQLite lie in a part (docs/backup-format.md). Frames of about 256 KB: payload length and number of rows,
 * both 32 bits little-endian, then the rows. A row is its values, a value is one byte for its storage class and the
 * bytes of that class. The classes are SQLite's own (https://www.sqlite.org/datatype3.html), so that 1 and 1.0, text
 * and blob, and integers beyond 2^53 come back as what they were.
 */

export const CLASS = { null: 0, int32: 1, int64: 2, real: 3, text: 4, blob: 5 } as const

export type SqliteValue = null | bigint | number | string | Uint8Array

/** Text as its bytes: what is not UTF-8 has no string. */
export interface TextBytes {
  readonly text: Uint8Array
}

const HEADER = 8
const FRAME = 256 * 1024
/** A value longer than this cannot be SQLite's: its limit is 2^31 - 1. */
const MAX_FRAME = 2 ** 31 - 1

/** Collects rows into frames, in two buffers by turns: a frame is good until the one after it was taken. */
export class RowWriter {
  #frame: Buffer = Buffer.allocUnsafe(FRAME + HEADER)
  #other: Buffer = Buffer.allocUnsafe(FRAME + HEADER)
  #view = viewOf(this.#frame)
  #at = HEADER
  #rows = 0

  /** Adds one value of the present row. */
  value(value: SqliteValue | TextBytes): void {
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'bigint') this.#integer(value)
    else if (value === null) this.#byte(CLASS.null)
    else if (typeof value === 'number') this.#real(value)
    else if (value instanceof Uint8Array) this.#bytes(CLASS.blob, value)
    else this.#bytes(CLASS.text, value.text)
  }

  /** Ends the row. @returns a full frame when there is one */
  endRow(): Buffer | undefined {
    this.#rows += 1
    return this.#at >= FRAME ? this.flush() : undefined
  }

  /** What was collected since the last frame; undefined when there is nothing. */
  flush(): Buffer | undefined {
    if (this.#rows === 0) return undefined
    this.#view.setUint32(0, this.#at - HEADER, true)
    this.#view.setUint32(4, this.#rows, true)
    const [full, end] = [this.#frame, this.#at]
    const frame = full.subarray(0, end)
    this.#use(this.#other)
    this.#other = full
    this.#at = HEADER
    this.#rows = 0
    return frame
  }

  #text(text: string): void {
    // Three bytes hold any UTF-16 unit in UTF-8.
    this.#room(5 + text.length * 3)
    this.#frame[this.#at] = CLASS.text
    const length = this.#frame.write(text, this.#at + 5, 'utf8')
    this.#view.setUint32(this.#at + 1, length, true)
    this.#at += 5 + length
  }

  #integer(value: bigint): void {
    this.#room(9)
    const small = Number(value)
    if ((small | 0) === small) {
      this.#frame[this.#at] = CLASS.int32
      this.#view.setInt32(this.#at + 1, small, true)
      this.#at += 5
    } else {
      this.#frame[this.#at] = CLASS.int64
      this.#view.setBigInt64(this.#at + 1, value, true)
      this.#at += 9
    }
  }

  #real(value: number): void {
    this.#room(9)
    this.#frame[this.#at] = CLASS.real
    this.#view.setFloat64(this.#at + 1, value, true)
    this.#at += 9
  }

  #bytes(kind: number, bytes: Uint8Array): void {
    this.#room(5 + bytes.length)
    this.#frame[this.#at] = kind
    this.#view.setUint32(this.#at + 1, bytes.length, true)
    this.#frame.set(bytes, this.#at + 5)
    this.#at += 5 + bytes.length
  }

  #byte(kind: number): void {
    this.#room(1)
    this.#frame[this.#at++] = kind
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#frame.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#frame.length * 2, this.#at + bytes))
    this.#frame.copy(larger, 0, 0, this.#at)
    this.#use(larger)
  }

  #use(frame: Buffer): void {
    this.#frame = frame
    this.#view = viewOf(frame)
  }
}

/** One frame as it was written: `rows` rows in `payload`. */
export interface Frame {
  readonly rows: number
  readonly payload: Buffer
}

/**
 * Cuts a stream of chunks into frames. A frame is good until the next one is asked for: all lie in one buffer by turns.
 * @throws CatalystError BACKUP_DAMAGED when the stream ends within one
 */
export async function* frames(chunks: AsyncIterable<Buffer>, part: string): AsyncGenerator<Frame> {
  let held: Buffer = Buffer.allocUnsafe(FRAME + HEADER)
  let bytes = 0
  let needed = HEADER
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(needed - bytes, chunk.length - at)
      held = withRoom(held, bytes, taken)
      chunk.copy(held, bytes, at, at + taken)
      at += taken
      bytes += taken
      if (bytes === HEADER) needed = HEADER + frameLength(held, part)
      if (bytes < needed) continue
      yield { rows: held.readUInt32LE(4), payload: held.subarray(HEADER, bytes) }
      bytes = 0
      needed = HEADER
    }
    release(chunk)
  }
  if (bytes > 0) throw damaged(part, 'it ends within a frame')
}

function frameLength(held: Buffer, part: string): number {
  const length = held.readUInt32LE(0)
  if (length > MAX_FRAME) throw damaged(part, `a frame claims ${length} bytes`)
  return length
}

/** Grows with what has come, not with what a frame claims. */
function withRoom(held: Buffer, bytes: number, more: number): Buffer {
  if (bytes + more <= held.length) return held
  const larger = Buffer.allocUnsafe(Math.max(held.length * 2, bytes + more))
  held.copy(larger, 0, 0, bytes)
  return larger
}

/**
 * Gives the memory of a chunk back at once. The collector lets some 64 MB of such chunks pile up before it looks. zlib
 * goes on writing into a buffer that is not full, so that only one that was filled to its end is ours to give back.
 */
export function release(chunk: Buffer): void {
  const { buffer, byteOffset, length } = chunk
  if (buffer instanceof ArrayBuffer && length > 0 && byteOffset + length === buffer.byteLength && buffer.byteLength >= FRAME) buffer.transfer(0)
}

/** Reads the values of one frame, row by row. */
export class RowReader {
  readonly #payload: Buffer
  readonly #view: DataView
  readonly #part: string
  #at = 0

  constructor(payload: Buffer, part: string) {
    this.#payload = payload
    this.#view = viewOf(payload)
    this.#part = part
  }

  get atEnd(): boolean {
    return this.#at === this.#payload.length
  }

  /** The next value. `exact` leaves text as its bytes. */
  value(exact: boolean): SqliteValue | TextBytes {
    const kind = this.#payload[this.#take(1)]
    if (kind === CLASS.int32) return BigInt(this.#view.getInt32(this.#take(4), true))
    if (kind === CLASS.int64) return this.#view.getBigInt64(this.#take(8), true)
    if (kind === CLASS.real) return this.#view.getFloat64(this.#take(8), true)
    if (kind === CLASS.null) return null
    const length = this.#length(kind)
    const start = this.#take(length)
    if (kind === CLASS.text && !exact) return this.#payload.toString('utf8', start, start + length)
    const bytes = this.#payload.subarray(start, start + length)
    return kind === CLASS.text ? { text: bytes } : bytes
  }

  /** Passes over one value: reading back needs its shape, not its content. */
  skip(): void {
    const kind = this.#payload[this.#take(1)]
    if (kind === CLASS.int32) this.#take(4)
    else if (kind === CLASS.int64 || kind === CLASS.real) this.#take(8)
    else if (kind !== CLASS.null) this.#take(this.#length(kind))
  }

  #length(kind: number | undefined): number {
    if (kind !== CLASS.text && kind !== CLASS.blob) throw damaged(this.#part, `a value has the unknown class ${kind}`)
    return this.#view.getUint32(this.#take(4), true)
  }

  #take(bytes: number): number {
    const at = this.#at
    if (at + bytes > this.#payload.length) throw damaged(this.#part, 'a row ends early')
    this.#at = at + bytes
    return at
  }
}

/** Counts the rows of a part, having looked at every value. @throws CatalystError BACKUP_DAMAGED */
export async function countRows(chunks: AsyncIterable<Buffer>, columns: number, part: string): Promise<number> {
  let rows = 0
  for await (const frame of frames(chunks, part)) {
    const reader = new RowReader(frame.payload, part)
    for (let row = 0; row < frame.rows; row++) for (let i = 0; i < columns; i++) reader.skip()
    if (!reader.atEnd) throw damaged(part, 'a frame holds more than its rows')
    rows += frame.rows
  }
  return rows
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
}

function damaged(part: string, what: string): CatalystError {
  return new CatalystError('BACKUP_DAMAGED', `The rows of ${part} cannot be read: ${what}`)
}
