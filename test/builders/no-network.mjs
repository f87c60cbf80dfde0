import { appendFileSync } from 'node:fs'
import dgram from 'node:dgram'
import dns from 'node:dns'
import net from 'node:net'

/*
 * Preloaded (`NODE_OPTIONS=--import`) into a process that shall live without a network: every attempt to connect, send
 * or look a name up fails, and leaves a line in the file that NETWORK_ATTEMPTS names.
 */
function refuse(what) {
  appendFileSync(process.env.NETWORK_ATTEMPTS, `${what}\n`)
  throw Object.assign(new Error(`${what}: there is no network here`), { code: 'ENETUNREACH' })
}

net.Socket.prototype.connect = (...args) => refuse(`connect ${JSON.stringify(args[0])}`)
dgram.Socket.prototype.send = () => refuse('send')
dns.lookup = (name) => refuse(`look up ${name}`)
dns.promises.lookup = (name) => refuse(`look up ${name}`)
