import type { IncomingMessage, ServerResponse } from 'node:http'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { acceptedEncoding } from '../../api/accepted-encoding.ts'
import { clientOf, network } from '../../api/client-address.ts'
import { ClientQuota } from '../../api/client-quota.ts'
import { RateLimit } from '../../api/rate-limit.ts'
import { requestPath } from '../../api/request-path.ts'
import { SlowReaders } from '../../api/slow-readers.ts'

/* What is known of a client before it is known what it wants. */

describe('which encoding a client takes (RFC 9110 12.5.3)', () => {
  test.each<[string | undefined, string | undefined]>([
    [undefined, undefined], ['', undefined], ['gzip', 'gzip'], ['br', 'br'], ['gzip, deflate, br', 'br'], ['GZIP', 'gzip'], ['x-gzip', 'gzip'], ['deflate', undefined], ['identity', undefined],
    ['br;q=0', undefined], ['br;q=0, gzip', 'gzip'], ['br;q=0.5, gzip;q=0.8', 'gzip'], ['gzip;q=0.001', 'gzip'], ['*', 'br'], ['*;q=0', undefined], ['br;q=0, *', 'gzip'], ['gzip;q=0, *;q=0.1', 'br'],
    ['gzip ; q=1.0', 'gzip'], ['gzip;q=2', 'gzip'], [`gzip${','.repeat(1000)}`, undefined], [';;,,=', undefined],
  ])('%s: %s', (header, encoding) => expect(acceptedEncoding(header)).toBe(encoding))

  test('law: any text is taken, and what is chosen was named or is covered by *', () => {
    fc.assert(fc.property(fc.string({ maxLength: 60 }), (header) => {
      const encoding = acceptedEncoding(header)
      if (encoding !== undefined) expect(header.toLowerCase()).toMatch(/br|gzip|\*/)
    }))
  })
})

describe('whose request it is', () => {
  const from = (remoteAddress: string, forwarded?: string) => ({ headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }, socket: { remoteAddress } }) as unknown as IncomingMessage

  test.each([
    ['192.0.2.7', '192.0.2.7'], ['::ffff:192.0.2.7', '192.0.2.7'], ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'], ['2001:db8:1:2::9', '2001:db8:1:2::/64'], ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'], ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s counts as %s', (address, client) => expect(network(address)).toBe(client))

  test.each<[string, string | undefined, number, string]>([
    ['nobody in front', '6.6.6.6', 0, '10.0.0.1'], ['one proxy', '6.6.6.6, 192.0.2.7', 1, '192.0.2.7'], ['two proxies', '6.6.6.6, 192.0.2.7, 10.0.0.2', 2, '192.0.2.7'],
    ['a proxy that wrote nothing', undefined, 1, '10.0.0.1'], ['rubbish', 'localhost', 1, '10.0.0.1'], ['fewer than we have proxies', '192.0.2.7', 2, '10.0.0.1'],
  ])('%s', (_name, forwarded, proxies, client) => expect(clientOf(from('10.0.0.1', forwarded), proxies)).toBe(client))
})

test.each([['/a/b?c', '/a/b'], ['/a#b', '/a'], ['http://x/a/../b?c', '/a/../b'], ['http://x', '/'], ['/a/%2e%2e', '/a/%2e%2e']])('the path of %s is %s as it was sent', (target, path) => expect(requestPath(target)).toBe(path))

describe('quotas', () => {
  test('each key has its own, and is told what is left', async () => {
    const limit = new RateLimit({ name: 'n', requests: 2, seconds: 60 })
    expect([await limit.take('a'), await limit.take('a'), await limit.take('a'), await limit.take('b')].map(({ ok, remaining }) => [ok, remaining])).toEqual([[true, 1], [true, 0], [false, 0], [true, 1]])
    expect([await limit.look('a'), await limit.look('b'), await limit.look('c')]).toEqual([false, true, true])
  })

  test('of clients are counted without waiting; very many addresses share one', () => {
    const quota = new ClientQuota({ name: 'n', requests: 2, seconds: 60 })
    expect([quota.take('a'), quota.take('a'), quota.take('a'), quota.take('b')].map(({ ok, remaining }) => [ok, remaining])).toEqual([[true, 1], [true, 0], [false, 0], [true, 1]])
    for (let i = 0; i < 49_998; i++) quota.take(`k${i}`)
    expect([quota.take('new 1'), quota.take('new 2'), quota.take('new 3'), quota.take('b')].map(({ ok }) => ok)).toEqual([true, true, false, true])
    expect(quota.take('x').resetSeconds).toBeGreaterThan(0)
  })

  test('an attacker with very many addresses shares one quota with whoever comes after', async () => {
    const limit = new RateLimit({ name: 'n', requests: 2, seconds: 60 })
    for (let i = 0; i < 50_000; i++) await limit.take(`k${i}`)
    expect([await limit.take('new 1'), await limit.take('new 2'), await limit.take('new 3')].map(({ ok }) => ok)).toEqual([true, true, false])
    expect((await limit.take('k0')).ok).toBe(true)
  })
})

describe('who does not read', () => {
  function client() {
    const socket = { bytesWritten: 0, writableLength: 0, destroyed: false, destroy: () => void (socket.destroyed = true) }
    return { socket, outgoing: { socket, headersSent: true } as unknown as ServerResponse }
  }
  const readers = () => new SlowReaders({ lookMs: 1_000_000, minBytesPerLook: 100 })

  test('is cut off at the third look at which nothing had moved', () => {
    const [slow, { socket, outgoing }] = [readers(), client()]
    Object.assign(socket, { bytesWritten: 5_000, writableLength: 4_000 })
    slow.watch(outgoing)
    slow.look()
    slow.look()
    expect(socket.destroyed).toBe(false)
    slow.look()
    expect(socket.destroyed).toBe(true)
    slow.stop()
  })

  test.each<[string, (socket: ReturnType<typeof client>['socket']) => void]>([
    ['reads slowly but reads', (s) => void ((s.bytesWritten += 200), (s.writableLength = 4_000))],
    ['waits for us', (s) => void (s.writableLength = 0)],
  ])('who %s is not', (_name, between) => {
    const [slow, { socket, outgoing }] = [readers(), client()]
    slow.watch(outgoing)
    for (let i = 0; i < 5; i++) {
      between(socket)
      slow.look()
    }
    expect(socket.destroyed).toBe(false)
    slow.stop()
  })
})
