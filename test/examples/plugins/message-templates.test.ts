import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Plugin } from '../../../sandbox/contracts.ts'
import { hostFor } from './host.ts'
import { openRelease } from './open.ts'

type Rendered = { readonly text: string; readonly locale: string }
interface Opened {
  readonly plugin: Plugin
  readonly render: (input: object) => Promise<Rendered>
}

async function open(config: Record<string, unknown> = {}, version = '1.1.0'): Promise<Opened> {
  const { manifest, createPlugin } = await openRelease('message-templates', version)
  const plugin = await createPlugin(hostFor(manifest, { config }))
  return { plugin, render: plugin.operations?.['render'] as never }
}

/** Renders one template of the shop's own. */
async function say(source: string, values: object = {}, more: { format?: string; locale?: string; version?: string } = {}): Promise<string> {
  const locale = more.locale ?? 'en'
  const { render } = await open({ templates: { own: { [locale]: source } } }, more.version)
  return (await render({ template: 'own', values, locale, format: more.format ?? 'text' })).text
}

const ORDER = { shop: 'Tea & Cup', number: '1001', items: 2, total: { amount: 1999, currency: 'EUR' } }

describe('the words', () => {
  test.each([
    ['en', 'Tea & Cup: thank you! We have your order 1001, 2 items, €19.99.'],
    ['de', 'Tea & Cup: Danke! Deine Bestellung 1001 ist da: 2 Artikel, 19,99\u00a0€.'],
    ['fi', 'Tea & Cup: kiitos! Tilauksesi 1001 on vastaanotettu: 2 tuotetta, 19,99\u00a0€.'],
    ['sv', 'Tea & Cup: tack! Vi har din beställning 1001, 2 varor, 19,99\u00a0€.'],
  ])('order-placed in %s', async (locale, text) => {
    expect(await (await open()).render({ template: 'order-placed', locale, values: ORDER })).toEqual({ text, locale })
  })

  test.each([
    ['de-AT', 'de'],
    ['de-Latn-AT', 'de'],
    ['pt-BR', 'sv'],
    ['', 'sv'],
    ['not a language!', 'sv'],
  ])('%s is answered in %s when the shop’s own is sv-SE', async (locale, expected) => {
    const { render } = await open({ defaultLocale: 'sv-SE' })
    expect((await render({ template: 'order-placed', locale, values: ORDER })).locale).toBe(expected)
  })

  test('the shop’s own words stand before the built-in ones, language by language', async () => {
    const { render, plugin } = await open({ templates: { 'order-placed': { fi: 'Moi {number}' }, sale: { en: 'Sale' } } })
    expect((await render({ template: 'order-placed', locale: 'fi', values: ORDER })).text).toBe('Moi 1001')
    expect((await render({ template: 'order-placed', locale: 'sv', values: ORDER })).locale).toBe('sv')
    expect(await plugin.operations?.['list']?.(undefined as never)).toContainEqual({ id: 'sale', locales: ['en'] })
  })
})

describe('ICU MessageFormat', () => {
  test.each<[string, object, string, string?]>([
    ['{n, plural, =0 {none} one {# item} other {# items}}', { n: 0 }, 'none'],
    ['{n, plural, one {# item} other {# items}}', { n: 1 }, '1 item'],
    ['{n, plural, one {# item} other {# items}}', { n: 1234 }, '1,234 items'],
    ['{n, plural, one {# предмет} few {# предмета} many {# предметов} other {# предмета}}', { n: 22 }, '22 предмета', 'ru'],
    ['{n, plural, one {# предмет} few {# предмета} many {# предметов} other {# предмета}}', { n: 25 }, '25 предметов', 'ru'],
    ['{how, select, post {by post} other {by {how}}}', { how: 'drone' }, 'by drone'],
    ['{how, select, post {{n, plural, one {a parcel} other {# parcels}}} other {-}}', { how: 'post', n: 3 }, '3 parcels'],
    ['{total, money}', { total: { amount: 500, currency: 'JPY' } }, '¥500'],
    ['{total, money}', { total: { amount: 5120, currency: 'KWD' } }, 'KWD\u00a05.120'],
    ['{n, number}', { n: 1234.5 }, '1.234,5', 'de'],
    ['{day, date}', { day: '2026-12-24' }, 'Dec 24, 2026'],
    ["it''s '{'n'}' and c'est", {}, "it's {n} and c'est"],
    ['# is only a number inside a plural', {}, '# is only a number inside a plural'],
  ])('%s', async (source, values, text, locale = 'en') => {
    expect(await say(source, values, { locale })).toBe(text)
  })

  test.each([
    ['{', /name is missing, at character 2/],
    ['{name', /'}' is missing/],
    ['name}', /a '}' without a '\{', at character 5/],
    ['{n, plural, one {#}}', /needs a case 'other'/],
    ['{n, roman}', /'roman' is no format; there are number, money, date, plural, select/],
    ['{n,plural,other{'.repeat(7) + 'x' + '}}'.repeat(7), /nested deeper than 5/],
  ])('%s cannot be read, and health says where before it goes live', async (source, message) => {
    const { plugin, render } = await open({ templates: { own: { en: source } } })
    expect(await plugin.health()).toEqual({ ok: false, message: expect.stringMatching(message) })
    await expect(render({ template: 'own', values: { n: 1 } })).rejects.toMatchObject({ code: 'invalid_template' })
  })

  test('a language tag that is none is found too', async () => {
    const { plugin } = await open({ templates: { own: { 'e n': 'x' } } })
    expect(await plugin.health()).toMatchObject({ ok: false, message: expect.stringContaining('template own, e n') })
  })

  test('text without braces and apostrophes stays as it is', async () => {
    const { render } = await open()
    expect(render).toBeTypeOf('function')
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/[{}']/.test(text)), async (text) => {
        expect(await say(text)).toBe(text)
      }),
      { numRuns: 50 },
    )
  })
})

describe('values are foreign', () => {
  test.each([
    ['html', '<b>"Tom" & \'Co\'</b>', '&lt;b&gt;&quot;Tom&quot; &amp; &#39;Co&#39;&lt;/b&gt;'],
    ['sms', ' Tom\r\n\tReply STOP\u202e ', 'Tom Reply STOP'],
    ['text', 'Tom\u001b[31m\u0000', 'Tom[31m'],
    ['text', '{shop, plural, other {x}} #', '{shop, plural, other {x}} #'],
  ])('in %s', async (format, name, text) => {
    expect(await say('{name}', { name }, { format })).toBe(text)
  })

  test('html of the template stays, html of a value never', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (name) => {
        const text = await say('<i>{name}</i>', { name }, { format: 'html' })
        expect(text.slice(3, -4)).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/)
      }),
      { numRuns: 50 },
    )
  })

  test.each([
    [{ template: 'nothing-like-it' }, 'unknown_template'],
    [{ template: 'constructor' }, 'unknown_template'],
    [{ template: 'order-placed', locale: '__proto__', values: {} }, 'missing_value'],
    [{ template: 'order-placed', values: { ...ORDER, shop: null } }, 'missing_value'],
    [{ template: 'order-placed', values: { ...ORDER, total: 'much' } }, 'invalid_value'],
    [{ template: 'order-delayed', values: { ...ORDER, arrives: 'soon' } }, 'invalid_value'],
    [{ template: 'order-placed', values: ORDER, format: 'toString' }, 'invalid_format'],
  ])('%o', async (input, code) => {
    await expect((await open()).render(input)).rejects.toMatchObject({ code })
  })
})

describe('older releases', () => {
  test('1.0.0 has no dates yet and says so', async () => {
    await expect(say('{day, date}', { day: '2026-12-24' }, { version: '1.0.0' })).rejects.toThrow("'date' is no format; there are number, money, plural")
    expect(await say('{n, plural, one {# item} other {# items}}', { n: 1 }, { version: '1.0.0' })).toBe('1 item')
  })
})
