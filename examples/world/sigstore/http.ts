import { Hono } from 'hono'
import type { Env } from '../github/http.ts'
import type { SigningCertificateRequest } from './fulcio.ts'
import type { ProposedEntry } from './rekor.ts'
import type { Sigstore } from './sigstore.ts'

/** Fulcio, Rekor (version 1) and the timestamp authority over HTTP, for signers that are not in this process. */
export function sigstoreHttp(sigstore: Sigstore, now: () => Date): Hono<Env> {
  const app = new Hono<Env>()
  app.onError((error, c) => c.text(error.message, 400))
  app.post('/api/v2/signingCert', async (c) => c.json(sigstore.fulcio.answer(await c.req.json<SigningCertificateRequest>(), now()) as object, 201))
  app.post('/api/v1/log/entries', async (c) => {
    const entry = sigstore.rekor.log(await c.req.json<ProposedEntry>(), now())
    return c.json({ [entry.logIndex.toString(16).padStart(64, '0')]: entry }, 201)
  })
  app.post('/api/v1/timestamp', async (c) => {
    const { artifactHash } = await c.req.json<{ artifactHash: string }>()
    const answer = sigstore.timestampAuthority.timestampOfHash(Buffer.from(artifactHash, 'base64'), now())
    return c.body(Uint8Array.from(answer), 201, { 'content-type': 'application/timestamp-reply' })
  })
  return app
}
