import { connect } from 'node:net'

/* A load of HTTP, as a process of its own: `node http-load.ts URL CONNECTIONS REQUESTS`. Each connection sends its next request when it has the whole answer. Prints milliseconds. */

const [url = '', connections = '1', requests = '1'] = process.argv.slice(2)
const { hostname, port, pathname } = new URL(url)
const REQUEST = `GET ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`
let left = Number(requests)

/** Sends until nothing is left to send. @throws Error for any answer but 200 */
function client(): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let got = ''
    const next = (): void => {
      got = ''
      if (left-- > 0) socket.write(REQUEST)
      else socket.end(done)
    }
    socket.on('connect', next)
    socket.on('error', failed)
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1')
      const head = got.indexOf('\r\n\r\n')
      if (head < 0) return
      if (!got.startsWith('HTTP/1.1 200 ')) failed(new Error(got.slice(0, 500)))
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(got)?.[1])
      if (got.length === head + 4 + length) next()
    })
  })
}

const start = performance.now()
await Promise.all(Array.from({ length: Number(connections) }, client))
process.stdout.write(String(performance.now() - start))
