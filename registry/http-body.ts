import { tooLong, unreachable, type HttpAnswer } from './http.ts'

/**
 * Calls `take` with each piece of a body, in order, and stops at `maxBytes`.
 * @returns the number of bytes. @throws CatalystError SIZE_MISMATCH, SOURCE_UNREACHABLE (dropped, silent or too slow)
 */
export function readPieces(answer: HttpAnswer, take: (piece: Buffer) => void, limits: { maxBytes: number; signal?: AbortSignal | undefined }): Promise<number> {
  let bytes = 0
  return new Promise((resolve, reject) => {
    const { body } = answer
    const fail = (error: unknown): void => {
      reject(unreachable(answer.url, error, limits.signal))
      body.destroy()
    }
    body.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes > limits.maxBytes) return fail(tooLong(answer.url, bytes, limits.maxBytes))
      try {
        take(piece)
      } catch (error) {
        fail(error)
      }
    })
    body.on('end', () => resolve(bytes))
    body.on('error', fail)
    body.on('close', () => body.complete || fail(new Error('the connection was closed before the end')))
  })
}

/** The whole body in memory. @throws as `readPieces` */
export async function readBody(answer: HttpAnswer, limits: { maxBytes: number; signal?: AbortSignal | undefined }): Promise<Buffer> {
  const pieces: Buffer[] = []
  const bytes = await readPieces(answer, (piece) => pieces.push(piece), limits)
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, bytes)
}
