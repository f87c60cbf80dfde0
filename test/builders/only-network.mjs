import { appendFileSync } from 'node:fs'
import dgram from 'node:dgram'
import dns from 'node:dns'
import net from 'node:net'

/*
 * Preloaded (`NODE_OPTIONS=--import`) into a process that may reach one address, NETWORK_ALLOWED (`127.0.0.1:8080`), and
 * nothing else: every other attempt to connect, send or look a name up fails. Each leaves a line in the file that
 * NETWORK_ATTEMPTS names, the allowed ones too.
 */
function note(what) {
  appendFileSync(process.env.NETWORK_ATTEMPTS, `${what}\n`)
}

function refuse(what) {
  note(what)
  throw Object.assign(new Error(`${what}: there is no network here`), { code: 'ENETUNREACH' })
}

const connect = net.Socket.prototype.connect
net.Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args
  const to = `${options.host ?? ''}:${options.port ?? options.path}`
  if (to !== process.env.NETWORK_ALLOWED) return refuse(to)
  note(to)
  return connect.apply(this, args)
}
dgram.Socket.prototype.send = () => refuse('send')
dns.lookup = (name) => refuse(`look up ${name}`)
dns.promises.lookup = (name) => refuse(`look up ${name}`)
