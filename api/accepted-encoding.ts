/** Encodings that we can send a text in. */
export type Encoding = 'br' | 'gzip'

/**
 * The best encoding that an `Accept-Encoding` header takes (RFC 9110 12.5.3), or undefined for none: brotli before gzip where
 * both are liked the same. `*` counts for those that are not named. Pure.
 */
export function acceptedEncoding(header: string | undefined): Encoding | undefined {
  if (header === undefined || header.length > 500) return undefined
  const weights = new Map(header.split(',').map(weighted))
  const weight = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0
  const [br, gzip] = [weight('br'), Math.max(weight('gzip'), weights.get('x-gzip') ?? 0)]
  if (br === 0 && gzip === 0) return undefined
  return br >= gzip ? 'br' : 'gzip'
}

function weighted(item: string): readonly [string, number] {
  const [name = '', ...parameters] = item.split(';')
  const q = parameters.map((parameter) => /^\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*$/i.exec(parameter)?.[1]).find((value) => value !== undefined)
  return [name.trim().toLowerCase(), q === undefined ? 1 : Number(q)]
}
