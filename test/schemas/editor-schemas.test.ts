import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { schemaErrors } from '../../schemas/ajv.ts'
import { schemaFiles } from '../../schemas/editor-schemas.ts'
import { parseYaml } from '../../schemas/yaml.ts'
import { fixtures } from './marks.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'schemas')
const files = schemaFiles()

describe('the committed schema files are those of the types (`npm run schemas`)', () => {
  test.each(Object.entries(files))('%s', (name, text) => {
    expect(readFileSync(join(FOLDER, name), 'utf8')).toBe(text)
  })

  test('and there are no others', () => {
    expect(readdirSync(FOLDER).filter((name) => name.endsWith('.schema.json')).sort()).toEqual(Object.keys(files).sort())
  })
})

describe('they stand alone', () => {
  test.each(Object.entries(files))('%s compiles and names itself', (name, text) => {
    const schema = JSON.parse(text) as { $id: string; $schema: string }
    expect(schema.$id).toBe(`https://catalyst.dev/schemas/${name}`)
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
    expect(schemaErrors(schema, 7).length).toBeGreaterThan(0)
  })

  test('an editor takes the good fixtures and marks the others', () => {
    const schema = JSON.parse(files['plugins.schema.json'] ?? '') as object
    for (const [name, bytes] of fixtures('plugin-sets').filter(([n]) => n.startsWith('valid'))) expect(schemaErrors(schema, parseYaml(bytes, name).value)).toEqual([])
    expect(schemaErrors(schema, { plugins: { Stripe: {} } }).length).toBeGreaterThan(0)
  })

  test('every key of plugins.yaml that is not told by its name has a sentence of help', () => {
    const schema = JSON.parse(files['plugins.schema.json'] ?? '') as { properties: { plugins: { additionalProperties: { properties: Record<string, { description?: string }> } } } }
    const silent = Object.entries(schema.properties.plugins.additionalProperties.properties).filter(([, one]) => !one.description)
    expect(silent.map(([key]) => key)).toEqual([])
  })
})
