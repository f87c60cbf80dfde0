import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

/** A large file, opened: its content stays the same however the folder changes meanwhile. Close it, or let `stream` do it. */
export interface StreamedFile {
  readonly size: number
  /** sha256 of the content, 64 hexadecimal digits. */
  readonly digest: string
  /** Bytes `start` to `end`, the last one included. Closes the file at its end. `failed` is told why the bytes end too early: they do, rather than mix two contents. */
  stream(start: number, end: number, failed: (error: unknown) => void): ReadableStream<Uint8Array>
  close(): Promise<void>
}

/** A file that is being written in place right now, by something that does not replace files whole. */
export class ChangingFile extends Error {}

const CHUNK_BYTES = 256 * 1024

/** The sha256 of a whole file, in hexadecimal digits. @throws ChangingFile */
export async function digestOf(handle: FileHandle, stat: BigIntStats): Promise<string> {
  const sum = createHash('sha256')
  for await (const chunk of chunksOf(handle, stat, 0, Number(stat.size) - 1)) sum.update(chunk)
  return sum.digest('hex')
}

/** A part of a file as a stream that closes the file at its end, however it ends. */
export function streamOf(handle: FileHandle, stat: BigIntStats, { start, end, failed }: { readonly start: number; readonly end: number; readonly failed: (error: unknown) => void }): ReadableStream<Uint8Array> {
  const chunks = chunksOf(handle, stat, start, end)
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next()
          if (!done) return controller.enqueue(value)
          controller.close()
        } catch (error) {
          failed(error)
          controller.close()
        }
        await handle.close()
      },
      cancel: () => handle.close(),
    },
    { highWaterMark: 1 },
  )
}

async function* chunksOf(handle: FileHandle, stat: BigIntStats, start: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  for (let at = start; at <= end; ) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(Math.min(CHUNK_BYTES, end + 1 - at)), 0, undefined, at)
    at += bytesRead
    // Before the last bytes go out: a client that has all of them shall have one content.
    if (at > end || bytesRead === 0) await assertSame(handle, stat)
    if (bytesRead === 0) throw new ChangingFile('the file became shorter')
    yield buffer.subarray(0, bytesRead)
  }
}

/** Not `ctime`: that changes too when the file is replaced by another, and what we hold open stays whole then. @throws ChangingFile */
export async function assertSame(handle: FileHandle, { size, mtimeNs }: BigIntStats): Promise<void> {
  const now = await handle.stat({ bigint: true })
  if (now.size !== size || now.mtimeNs !== mtimeNs) throw new ChangingFile('the file changed while it was read')
}
