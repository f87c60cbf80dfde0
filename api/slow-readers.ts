import type { ServerResponse } from 'node:http'

interface Watched {
  /** Bytes that the connection had taken at the last look. */
  taken: number
  /** Looks in a row at which it had taken too little. */
  strikes: number
}

/**
 * Cuts off clients that read their answer so slowly that they only hold it open: at two looks in a row they had taken less than
 * `minBytesPerLook`. An answer that we have not begun, or that has been handed to the kernel, is not the client's delay.
 */
export class SlowReaders {
  readonly #watched = new Map<ServerResponse, Watched | undefined>()
  readonly #minBytes: number
  readonly #timer: NodeJS.Timeout

  constructor({ lookMs, minBytesPerLook }: { readonly lookMs: number; readonly minBytesPerLook: number }) {
    this.#minBytes = minBytesPerLook
    this.#timer = setInterval(() => this.look(), lookMs)
    this.#timer.unref()
  }

  watch(outgoing: ServerResponse): void {
    this.#watched.set(outgoing, undefined)
  }

  leave(outgoing: ServerResponse): void {
    this.#watched.delete(outgoing)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** One look at all that are being answered. */
  look(): void {
    for (const [outgoing, before] of this.#watched) {
      const { socket } = outgoing
      // Bytes that wait in our memory are there because the client does not take those before them.
      if (!socket || !outgoing.headersSent || socket.writableLength === 0) continue
      const taken = socket.bytesWritten - socket.writableLength
      const slow = before !== undefined && taken - before.taken < this.#minBytes
      const strikes = slow ? before.strikes + 1 : 0
      if (strikes >= 2) socket.destroy()
      else this.#watched.set(outgoing, { taken, strikes })
    }
  }
}
