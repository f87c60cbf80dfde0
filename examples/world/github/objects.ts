import { Hono } from 'hono'
import { createHash } from 'node:crypto'
import type { Env } from './http.ts'
import type { GitHub } from './github.ts'
import { snappy } from './snappy.ts'

/** The short-lived address of an asset's bytes. Its signature is the whole permission. */
export function objectUrl(objects: string, assetId: number): string {
  return `${objects}/release-assets/${assetId}?sig=${signature(assetId)}`
}

/**
 * Where the bytes are kept: a host of its own, as with GitHub, so that a client which carries its token across the
 * redirect is found out (such stores answer 400 to a request that is authorized twice).
 */
export function objects(github: GitHub): Hono<Env> {
  const app = new Hono<Env>()
  app.use(async (c, next) => (c.req.header('authorization') ? c.text('InvalidAuthenticationInfo: only one way to authorize is allowed', 400) : next()))
  app.get('/release-assets/:id{\\d+}', (c) => {
    const id = Number(c.req.param('id'))
    const asset = github.asset(id)
    if (c.req.query('sig') !== signature(id)) return c.text('AuthenticationFailed', 403)
    if (!asset) return c.text('BlobNotFound', 404)
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(asset.bytes.length), etag: `"${asset.digest.slice(7, 39)}"`, 'content-disposition': `attachment; filename=${asset.name}` }
    return c.req.header('if-none-match') === headers.etag ? c.body(null, 304, { etag: headers.etag }) : c.body(asset.bytes as Uint8Array<ArrayBuffer>, 200, headers)
  })
  app.get('/attestations/:file', (c) => {
    const attestation = github.attestation(Number.parseInt(c.req.param('file'), 10))
    if (!attestation) return c.text('BlobNotFound', 404)
    return c.body(Uint8Array.from(snappy(Buffer.from(JSON.stringify(attestation.bundle)))), 200, { 'content-type': 'application/x-snappy' })
  })
  return app
}

function signature(assetId: number): string {
  return createHash('sha256').update(`not a secret ${assetId}`).digest('hex').slice(0, 32)
}
