import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/*
 * A wire between a store and its PostgreSQL server. What clients say on any of its connections is counted in bursts: a
 * statement is one. Cut, all connections end at once and no new one is made, as when the process or the server dies.
 */
export class Wire {
  readonly url: string
  /** Bursts said since `start`, handshakes included. */
  said = 0
  /** The first words of each, for a person. */
  readonly heard: string[] = []
  #cutAt = Infinity
  #loses: string | undefined
  #lost = false
  #dead = false
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  private constructor(url: string, server: Server) {
    this.url = url
    this.#server = server
  }

  static async to(target: string): Promise<Wire> {
    const { hostname, port } = new URL(target)
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const url = new URL(target)
    url.port = String((server.address() as AddressInfo).port)
    const wire = new Wire(url.href, server)
    server.on('connection', (near) => wire.#join(near, connect(Number(port), hostname)))
    return wire
  }

  /** Begins to count. Cuts everything instead of passing on the burst of this number, from 1. */
  start(cutAt = Infinity): void {
    this.said = 0
    this.heard.length = 0
    this.#cutAt = cutAt
    this.#dead = false
  }

  /** Passes on the next burst that holds this, and cuts its connection before the answer comes back. */
  loseAnswerTo(text: string): void {
    this.#loses = text
  }

  /** True when such an answer was lost. */
  get lost(): boolean {
    return this.#lost
  }

  /** True when it was cut. */
  get dead(): boolean {
    return this.#dead
  }

  async close(): Promise<void> {
    this.#cut()
    await new Promise((done) => this.#server.close(done))
  }

  #join(near: Socket, far: Socket): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        for (const other of [near, far]) other.destroy()
      })
    }
    if (this.#dead) return this.#cut()
    near.on('data', (burst: Buffer) => this.#hear(near, far, burst))
    far.on('data', (burst: Buffer) => void near.write(burst))
  }

  #hear(near: Socket, far: Socket, burst: Buffer): void {
    this.said += 1
    this.heard.push(burst.toString('latin1').replace(/[^ -~]+/g, ' ').trim().slice(0, 60))
    if (this.said >= this.#cutAt) return this.#cut()
    if (this.#loses === undefined || !burst.includes(this.#loses)) return void far.write(burst)
    this.#loses = undefined
    this.#lost = true
    far.removeAllListeners('data')
    far.once('data', () => near.destroy())
    far.write(burst)
  }

  #cut(): void {
    this.#dead = true
    for (const socket of this.#sockets) socket.destroy()
  }
}
