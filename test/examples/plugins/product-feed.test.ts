import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Marketing } from '../../../sandbox/contracts.ts'
import { event, hostFor, NOW, storeDatabase, type TestHost } from './host.ts'
import { openRelease } from './open.ts'

const CORE = readFileSync(new URL('../../../examples/plugins/core-tables.sql', import.meta.url), 'utf8')
const CONFIG = { title: 'Tea & Cup', link: 'https://shop.example', description: '' }

interface Row {
  readonly sku: string
  readonly title: string
  readonly description: string
  readonly url: string
  readonly image_url: string | null
  readonly price_amount: number
  readonly price_currency: string
  readonly stock: number
  readonly brand: string | null
  readonly gtin: string | null
  readonly active: number
}
const TEA: Row = {
  sku: 'T-1', title: 'Green tea', description: 'Sencha, 100 g', url: 'https://shop.example/tea?a=1&b=2', image_url: 'https://shop.example/tea.jpg',
  price_amount: 1999, price_currency: 'EUR', stock: 3, brand: 'Leaf', gtin: '4006381333931', active: 1,
}

async function build(rows: readonly Partial<Row>[], version = '1.0.1'): Promise<{ xml: string; report: { products: number; leftOut: { sku: string; problems: string[] }[] }; host: TestHost }> {
  const { manifest, createPlugin } = await openRelease('product-feed', version)
  const database = storeDatabase(CORE)
  const columns = Object.keys(TEA)
  const insert = database.prepare(`INSERT INTO products (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
  for (const row of rows) insert.run(...Object.values({ ...TEA, ...row }))
  const host = hostFor(manifest, { config: CONFIG, database })
  const plugin = (await createPlugin(host)) as Marketing
  await plugin.hooks?.['schedule.hourly']?.(event('schedule.hourly', {}))
  return { xml: host.written.get('feeds/google-merchant.xml') ?? '', report: JSON.parse(host.written.get('feeds/google-merchant.report.json') ?? '') as never, host }
}

/** Reads the feed back, strictly: any byte that is not where XML 1.0 wants it throws. */
function readBack(xml: string): Record<string, string>[] {
  if (/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(xml)) throw new Error('not a Char of XML 1.0')
  const body = /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<rss version="2\.0" xmlns:g="http:\/\/base\.google\.com\/ns\/1\.0">\n {2}<channel>\n([^]*) {2}<\/channel>\n<\/rss>\n$/.exec(xml)?.[1]
  if (body === undefined) throw new Error('not the frame of a feed')
  const [, ...items] = body.split(/ {4}<item>\n/)
  return items.map((item) => Object.fromEntries([...item.matchAll(/ {6}<g:([a-z_]+)>([^<>"']*)<\/g:\1>\n/g)].map(([, name = '', text = '']) => [name, unescape(text)])))
}

function unescape(text: string): string {
  if (/&(?!(amp|lt|gt|quot|apos);)/.test(text)) throw new Error(`a bare & in ${text}`)
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&')
}

describe('the feed', () => {
  test('is RSS 2.0 with Google’s attributes', async () => {
    const { xml, report } = await build([{}])
    expect(xml).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">
        <channel>
          <title>Tea &amp; Cup</title>
          <link>https://shop.example</link>
          <description></description>
          <item>
            <g:id>T-1</g:id>
            <g:title>Green tea</g:title>
            <g:description>Sencha, 100 g</g:description>
            <g:link>https://shop.example/tea?a=1&amp;b=2</g:link>
            <g:image_link>https://shop.example/tea.jpg</g:image_link>
            <g:price>19.99 EUR</g:price>
            <g:availability>in_stock</g:availability>
            <g:condition>new</g:condition>
            <g:brand>Leaf</g:brand>
            <g:gtin>4006381333931</g:gtin>
          </item>
        </channel>
      </rss>
      "
    `)
    expect(report).toEqual({ builtAt: NOW, products: 1, leftOut: [] })
  })

  test.each([
    [{ price_amount: 5, price_currency: 'EUR' }, 'price', '0.05 EUR'],
    [{ price_amount: 500, price_currency: 'JPY' }, 'price', '500 JPY'],
    [{ price_amount: 5120, price_currency: 'KWD' }, 'price', '5.120 KWD'],
    [{ stock: 0 }, 'availability', 'out_of_stock'],
    [{ gtin: null }, 'identifier_exists', 'no'],
    [{ gtin: '4006381333932' }, 'identifier_exists', 'no'],
    [{ gtin: '2000000000008' }, 'identifier_exists', 'no'],
    [{ gtin: '036000291452' }, 'gtin', '036000291452'],
    [{ gtin: '96385074' }, 'gtin', '96385074'],
    [{ gtin: '14006381333938' }, 'gtin', '14006381333938'],
    [{ brand: '' }, 'brand', undefined],
  ])('%o: %s is %s', async (change, name, text) => {
    expect(readBack((await build([change])).xml)[0]?.[name]).toBe(text)
  })

  test('what Google would refuse is left out and named with every reason', async () => {
    const { xml, report, host } = await build([{}, { sku: 'T-2', title: ' ', image_url: null, price_amount: 0 }, { sku: 'T-3', url: 'javascript:alert(1)', price_currency: 'eur' }, { sku: 'T-4', title: 'x'.repeat(151) }, { sku: 'T-5', active: 0 }])
    expect(readBack(xml).map(({ id }) => id)).toEqual(['T-1'])
    expect(report).toMatchObject({
      products: 1,
      leftOut: [
        { sku: 'T-2', problems: ['title is empty', 'image_url is missing', 'price must be a whole number of minor units above 0'] },
        { sku: 'T-3', problems: ['url is no web address', "'eur' is no ISO 4217 currency"] },
        { sku: 'T-4', problems: ['title has 151 characters; Google takes 150'] },
      ],
    })
    expect(host.logged).toMatchObject([{ level: 'warn', fields: { count: 3 } }])
  })

  test('a catalogue of several pages is whole', async () => {
    const { xml, report } = await build(Array.from({ length: 1201 }, (_, n) => ({ sku: `S-${String(n).padStart(5, '0')}` })))
    expect(report.products).toBe(1201)
    expect(new Set(readBack(xml).map(({ id }) => id)).size).toBe(1201)
  })

  test('an empty catalogue is an empty feed', async () => {
    expect(readBack((await build([])).xml)).toEqual([])
  })

  test('whatever stands in a product comes back as it was, without what XML cannot hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 100 }), async (text) => {
        const title = `x${text}`
        const clean = title.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
        expect(readBack((await build([{ title }])).xml)[0]?.['title']).toBe(clean.isWellFormed() ? clean : clean.toWellFormed())
      }),
      { numRuns: 40 },
    )
  })

  test('1.0.0 let a control character through, 1.0.1 does not', async () => {
    const rows = [{ description: 'line\u000bbreak' }]
    await expect(build(rows, '1.0.0').then(({ xml }) => readBack(xml))).rejects.toThrow('not a Char of XML 1.0')
    expect(readBack((await build(rows)).xml)[0]?.['description']).toBe('linebreak')
  })
})
