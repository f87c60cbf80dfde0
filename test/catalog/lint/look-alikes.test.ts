import { distance } from 'fastest-levenshtein'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lookAlikes } from '../../../catalog/lint/look-alikes.ts'
import { hacsRepositories, krewPlugins, krewSlice, REAL_DATA } from '../../builders/real-data.ts'
import { suggestedIdFor } from '../../../catalog/ingest/discover.ts'

describe('an id could be taken for another', () => {
  test.each([
    ['stripe-payment', 'stripe-payments', 'the same but for a plural'],
    ['stripes-payment', 'stripe-payments', 'the same but for a plural'],
    ['stripepayments', 'stripe-payments', 'the same but for hyphens'],
    ['payments-stripe', 'stripe-payments', 'the same words in another order'],
    ['str1pe-payments', 'stripe-payments', 'letters that look alike'],
    ['rnail-order', 'mail-order', 'letters that look alike'],
    ['strpe-payments', 'stripe-payments', 'one letter apart'],
    ['stripe-paymenst', 'stripe-payments', 'one letter apart'],
    ['stripe-paymentz', 'stripe-payments', 'one letter apart'],
    ['sms-8', 'sms-b', 'letters that look alike'],
  ])('%s for %s: %s', (id, known, why) => {
    expect(lookAlikes([known, 'something-else']).of(id)).toEqual([{ id: known, why }])
    expect(lookAlikes([id, 'something-else']).of(known)).toEqual([{ id, why }])
  })

  test.each([['tax', 'fax'], ['google-analytics', 'matomo-analytics'], ['sms', 'sms-gateway'], ['erp', 'crm'], ['bus', 'bu']])('%s is not taken for %s', (id, known) => {
    expect(lookAlikes([known]).of(id)).toEqual([])
  })

  test('nothing looks like itself', () => expect(lookAlikes(['a-b', 'a-b']).of('a-b')).toEqual([]))

  test('every pair of one edit is found, whatever the words', () => {
    const id = fc.stringMatching(/^[a-z]{3,8}(-[a-z]{2,8}){0,2}$/)
    fc.assert(fc.property(fc.array(id, { minLength: 2, maxLength: 30 }), (ids) => {
      const known = lookAlikes(ids)
      for (const a of ids) for (const b of ids) if (a !== b && a.length >= 5 && b.length >= 5 && distance(a, b) === 1) expect(known.of(a).map((l) => l.id)).toContain(b)
    }))
  })
})

test('of the real names that are committed here none is held', () => {
  const ids = krewSlice().map(({ id }) => id)
  const known = lookAlikes(ids)
  expect(ids.filter((id) => known.of(id).length > 0)).toEqual([])
})

test.skipIf(!REAL_DATA)('of 402 and 4,117 real names (folder of CATALYST_REAL_DATA) few are held, and each could be taken for the other', () => {
  const held = (ids: readonly string[]) => {
    const known = lookAlikes(ids)
    return ids.filter((id) => known.of(id).length > 0)
  }
  const krew = krewPlugins().map(({ id }) => id)
  expect(held(krew)).toEqual(expect.arrayContaining(['image', 'images', 'pv-migrate', 'pvmigrate', 'diff-watch', 'watch-diff']))
  expect(held(krew).length / krew.length).toBeLessThan(0.04)
  const hacs = [...new Set(hacsRepositories().map((name) => suggestedIdFor(`https://github.com/${name}`)))]
  expect(hacs.length).toBeGreaterThan(4_000)
  expect(held(hacs).length / hacs.length).toBeLessThan(0.02)
})
