import type { IncomingMessage, ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { Bodies } from '../../api/body.ts'
import { begin } from '../../api/exchange.ts'

/** A request with this body; it ends when the test says so. */
function request(headers: Record<string, string> = {}, client = 'client'): { readonly exchange: ReturnType<typeof begin>; readonly body: PassThrough } {
  const body = new PassThrough()
  const incoming = Object.assign(body, { headers: { 'content-type': 'application/json', ...headers } }) as unknown as IncomingMessage
  return { exchange: begin(incoming, {} as ServerResponse, 'id', client), body }
}

test('bodies that are held count until their work is done: what is too much for all of them is told to come back', async () => {
  const bodies = new Bodies({ total: 100, client: 100 })
  const [first, second, third] = [request(), request(), request()]
  const { promise: working, resolve: done } = Promise.withResolvers<void>()
  first.body.end('x'.repeat(80))
  const began = Promise.withResolvers<void>()
  const one = bodies.withJson(first.exchange, 90, async () => {
    began.resolve()
    await working
  })
  await began.promise
  second.body.end('x'.repeat(30))
  await expect(bodies.withJson(second.exchange, 90, async () => undefined)).rejects.toMatchObject({ code: 'BUSY' })
  done()
  await one
  third.body.end('x'.repeat(90))
  expect(await bodies.withJson(third.exchange, 90, async (bytes) => bytes.length)).toBe(90)
})

test('a body that is said to be too large is refused before a byte of it is read', async () => {
  const { exchange, body } = request({ 'content-length': '91' })
  await expect(new Bodies({ total: 1_000, client: 1_000 }).withJson(exchange, 90, async () => undefined)).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
  expect(body.readableDidRead).toBe(false)
})

test('a client that goes away in the middle is an error, and gives back what it held', async () => {
  const bodies = new Bodies({ total: 100, client: 100 })
  const gone = request()
  gone.body.write('x'.repeat(60))
  const read = bodies.withJson(gone.exchange, 90, async () => undefined)
  gone.body.destroy()
  await expect(read).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  const next = request()
  next.body.end('x'.repeat(90))
  expect(await bodies.withJson(next.exchange, 90, async (bytes) => bytes.length)).toBe(90)
})

test('one client has its share, and what it was refused takes nothing from others', async () => {
  const bodies = new Bodies({ total: 1_000, client: 100 })
  const [held, more, other] = [request(), request(), request({}, 'other')]
  held.body.write('x'.repeat(80))
  const one = bodies.withJson(held.exchange, 90, async (bytes) => bytes.length)
  more.body.write('x'.repeat(30))
  await expect(bodies.withJson(more.exchange, 90, async () => undefined)).rejects.toMatchObject({ code: 'BUSY' })
  other.body.end('x'.repeat(90))
  expect(await bodies.withJson(other.exchange, 90, async (bytes) => bytes.length)).toBe(90)
  held.body.end('x'.repeat(10))
  expect(await one).toBe(90)
})

test('where all are too much the largest that has not ended has to go; what is being worked on stays', async () => {
  const bodies = new Bodies({ total: 200, client: 200 })
  const [worked, large, small] = [request({}, 'a'), request({}, 'b'), request({}, 'c')]
  const { promise: working, resolve: done } = Promise.withResolvers<void>()
  const began = Promise.withResolvers<void>()
  worked.body.end('x'.repeat(90))
  const first = bodies.withJson(worked.exchange, 90, async (bytes) => {
    began.resolve()
    await working
    return bytes.length
  })
  await began.promise
  large.body.write('x'.repeat(89))
  const second = bodies.withJson(large.exchange, 90, async () => undefined)
  const refused = expect(second).rejects.toMatchObject({ code: 'BUSY' })
  small.body.end('x'.repeat(30))
  expect(await bodies.withJson(small.exchange, 90, async (bytes) => bytes.length)).toBe(30)
  await refused
  done()
  expect(await first).toBe(90)
})

test('what was given back is given back once: after many refusals there is neither less room nor more', async () => {
  const bodies = new Bodies({ total: 100, client: 100 })
  for (let i = 0; i < 20; i++) {
    const gone = request()
    gone.body.end('x'.repeat(91))
    await expect(bodies.withJson(gone.exchange, 90, async () => undefined)).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
  }
  const [whole, more] = [request(), request()]
  whole.body.write('x'.repeat(90))
  const one = bodies.withJson(whole.exchange, 90, async (bytes) => bytes.length)
  more.body.write('x'.repeat(11))
  await expect(bodies.withJson(more.exchange, 90, async () => undefined)).rejects.toMatchObject({ code: 'BUSY' })
  whole.body.end()
  expect(await one).toBe(90)
})
