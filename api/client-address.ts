import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * Whose request it is: an IPv4 address, or the /64 network of an IPv6 address, of which one person has at least one.
 * With `proxies` of ours in front it is what the outermost of them wrote into `X-Forwarded-For`: what stands left of that
 * came from the client, and anybody can write anything there.
 */
export function clientOf(incoming: IncomingMessage, proxies: number): string {
  return network(forwarded(incoming, proxies) ?? incoming.socket.remoteAddress ?? 'unknown')
}

function forwarded({ headers }: IncomingMessage, proxies: number): string | undefined {
  if (proxies === 0) return undefined
  const written = String(headers['x-forwarded-for'] ?? '').split(',').map((address) => address.trim())
  const address = written.at(-proxies)
  return address !== undefined && isIP(address) !== 0 ? address : undefined
}

/** `::ffff:1.2.3.4` is the IPv4 address that it holds. Pure. */
export function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0'), ...right]
  return `${groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
