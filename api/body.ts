import type { Exchange } from './exchange.ts'
import { ApiError } from './problem.ts'

/** How much of bodies may be held at once. Bytes. */
export interface BodyLimits {
  /** Of all clients together. */
  readonly total: number
  /** Of one client. */
  readonly client: number
}

interface Reading {
  readonly client: string
  bytes: number
  /** Ends it. */
  refuse(error: ApiError): void
}

/**
 * Reads bodies, each up to a limit, those of one client up to another, and all up to a third: many large ones at once cannot
 * fill our memory. Where all are too much the largest that has not ended has to go, so that who holds much keeps nobody out.
 */
export class Bodies {
  readonly #limits: BodyLimits
  readonly #unended = new Set<Reading>()
  readonly #ofClient = new Map<string, number>()
  #held = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
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
    const reading: Reading = { client: exchange.client, bytes: 0, refuse: () => undefined }
    try {
      return await work(await this.#read(exchange, maxBytes, reading))
    } finally {
      this.#release(reading)
    }
  }

  /** Never destroys the stream: with it would go the connection on which the refusal is to be answered. */
  #read({ incoming }: Exchange, maxBytes: number, reading: Reading): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let chunks: Buffer[] = []
      const ended = (): Buffer[] => {
        this.#unended.delete(reading)
        const all = chunks
        // The connection outlives the body, and its listeners would keep them.
        chunks = []
        return all
      }
      const refuse = (error: ApiError): void => {
        // A stream closes after its end, too; the bytes are then held by the work.
        if (!this.#unended.has(reading)) return
        incoming.off('data', take).pause()
        ended()
        this.#release(reading)
        reject(error)
      }
      const take = (chunk: Buffer): void => {
        chunks.push(chunk)
        this.#hold(reading, chunk.length, maxBytes)
      }
      reading.refuse = refuse
      this.#unended.add(reading)
      incoming.on('data', take)
      incoming.once('end', () => resolve(Buffer.concat(ended())))
      for (const event of ['close', 'error']) incoming.once(event, () => refuse(new ApiError('REQUEST_INVALID', 'the body ended too early')))
    })
  }

  #hold(reading: Reading, bytes: number, maxBytes: number): void {
    this.#count(reading, bytes)
    if (reading.bytes > maxBytes) return reading.refuse(tooLarge(maxBytes))
    if ((this.#ofClient.get(reading.client) ?? 0) > this.#limits.client) return reading.refuse(busy('too many bodies of this client are being read'))
    while (this.#held > this.#limits.total && this.#unended.size > 0) largest(this.#unended).refuse(busy('too many bodies are being read'))
  }

  #release(reading: Reading): void {
    this.#count(reading, -reading.bytes)
  }

  #count(reading: Reading, bytes: number): void {
    reading.bytes += bytes
    this.#held += bytes
    const ofClient = (this.#ofClient.get(reading.client) ?? 0) + bytes
    if (ofClient > 0) this.#ofClient.set(reading.client, ofClient)
    else this.#ofClient.delete(reading.client)
  }
}

function largest(readings: Iterable<Reading>): Reading {
  return [...readings].reduce((most, one) => (one.bytes > most.bytes ? one : most))
}

function busy(detail: string): ApiError {
  return new ApiError('BUSY', detail, { headers: { 'retry-after': '5' } })
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('BODY_TOO_LARGE', `the body may have ${maxBytes} bytes`)
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(contentType ?? '')
}
