import { describe, expect, test } from 'vitest'
import { checkConfig } from '../../schemas/config-schema.ts'
import { configValues } from '../../schemas/config-values.ts'

const schema = {
  type: 'object',
  $defs: { port: { type: 'integer', minimum: 1 } },
  properties: {
    key: { type: 'string' },
    port: { $ref: '#/$defs/port' },
    live: { type: 'boolean' },
    rates: { type: 'array', items: { type: 'number' } },
    nested: { type: 'object', additionalProperties: { anyOf: [{ type: 'boolean' }, { type: 'null' }] } },
    either: { type: ['string', 'integer'] },
    free: {},
  },
}
const env: Record<string, string> = { KEY: '123', PORT: '8080', LIVE: 'true', RATE: '0.5', WORD: 'eight', REF: '${env:KEY}' }
const values = (config: unknown) => configValues(schema, config, ({ name }) => env[name] ?? '')

describe('what a plugin is given', () => {
  test('text becomes what the schema wants, and only where it wants no text', () => {
    const given = values({ key: '${env:KEY}', port: '${env:PORT}', live: '${env:LIVE}', rates: ['${env:RATE}', 1], nested: { a: '${env:LIVE}' }, either: '${env:PORT}', free: '${env:PORT}' })
    expect(given).toEqual({ key: '123', port: 8080, live: true, rates: [0.5, 1], nested: { a: true }, either: '8080', free: '8080' })
    expect(checkConfig(schema, given)).toEqual([])
  })

  test('inside a text it stays text', () => {
    expect(values({ key: 'https://x:${env:PORT}/', port: '1${env:PORT}' })).toEqual({ key: 'https://x:8080/', port: '18080' })
  })

  test('text that cannot become what is wanted stays, and the check names it without its value', () => {
    const given = values({ port: '${env:WORD}', live: '${env:KEY}' })
    expect(given).toEqual({ port: 'eight', live: '123' })
    expect(checkConfig(schema, given).map((p) => p.message)).toEqual(['config port must be integer', 'config live must be boolean'])
  })

  test('what was looked up is never read as a reference again', () => {
    expect(values({ key: '${env:REF}' })).toEqual({ key: '${env:KEY}' })
  })
})
