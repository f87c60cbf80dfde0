import type { Exchange } from './exchange.ts'
import { ApiError } from './problem.ts'

/**
 * Reads bodies, each up to a limit, all that are being read up to another: many large ones at once cannot fill our memory.
 */
export class Bodies {
  readonly #maxTotalBytes: number
  #held = 0

  constructor(maxTotalBytes: number) {
    this.#maxTotalBytes = maxTotalBytes
  }

  /**
   * The whole body of a JSON request. What is said to be too large is refused before a byte of it is read. `work` has the
   * bytes; they count as held until it is done.
   * @throws ApiError MEDIA_TYPE_UNSUPPORTED, BODY_TOO_LARGE, BUSY, REQUEST_INVALID when the client went away
   */
  async withJson<T>(exchange: Exchange, maxBytes: number, work: (bytes: Buffer) => Promise<T>): Promise<T> {
    const { headers } = exchange.incoming
    if (!isJson(headers['content-type']) || headers['content-encoding'] !== undefined) throw new ApiError('MEDIA_TYPE_UNSUPPORTED', 'the body must be application/json without a content encoding')
    if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
    const reading = { bytes: 0 }
    try {
      return await work(await this.#read(exchange, maxBytes, reading))
    } finally {
      this.#held -= reading.bytes
    }
  }

  /** Never destroys the stream: with it would go the connection on which the refusal is to be answered. */
  #read({ incoming }: Exchange, maxBytes: number, reading: { bytes: number }): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      const refuse = (error: ApiError): void => {
        incoming.off('data', take).pause()
        reject(error)
      }
      const take = (chunk: Buffer): void => {
        reading.bytes += chunk.length
        this.#held += chunk.length
        if (reading.bytes > maxBytes) return refuse(tooLarge(maxBytes))
        if (this.#held > this.#maxTotalBytes) return refuse(new ApiError('BUSY', 'too many bodies are being read', { headers: { 'retry-after': '5' } }))
        chunks.push(chunk)
      }
      incoming.on('data', take)
      incoming.once('end', () => resolve(Buffer.concat(chunks)))
      incoming.once('close', () => reject(new ApiError('REQUEST_INVALID', 'the body ended too early')))
      incoming.once('error', () => reject(new ApiError('REQUEST_INVALID', 'the body ended too early')))
    })
  }
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('BODY_TOO_LARGE', `the body may have ${maxBytes} bytes`)
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(contentType ?? '')
}
