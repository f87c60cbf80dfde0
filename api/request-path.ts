/**
 * The path of a request target as it was sent (RFC 9112 3.2), neither decoded nor tidied: what is odd about it shall be
 * seen. A whole URL, as proxies send it, counts by its path. Pure.
 */
export function requestPath(target: string): string {
  const start = target.startsWith('/') ? 0 : target.indexOf('/', target.indexOf('://') + 3)
  const end = target.search(/[?#]/)
  return start < 0 ? '/' : target.slice(start, end < 0 ? undefined : end)
}
