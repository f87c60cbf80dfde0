import { describe, expect, test } from 'vitest'
import { PLUGIN_TYPES } from '../../schemas/manifest.ts'
import { CONTRACTS, contractProblem } from '../../sandbox/contracts.ts'

describe('the promise of each type', () => {
  test.each(PLUGIN_TYPES)('%s', (type) => {
    for (const names of CONTRACTS[type]) {
      const members = Object.fromEntries(['health', ...names].map((name) => [name, name === 'hooks' ? 'object' : 'function']))
      expect(contractProblem(type, members)).toBeUndefined()
      for (const name of names) {
        const { [name]: _, ...fewer } = members
        expect(contractProblem(type, fewer)).toContain(name)
        expect(contractProblem(type, { ...members, [name]: 'string' })).toContain(name)
      }
    }
    expect(contractProblem(type, {})).toContain('health')
  })

  test('marketing sends, or listens', () => {
    expect(contractProblem('marketing', { health: 'function' })).toBe('a marketing plugin needs send or hooks')
    expect(contractProblem('marketing', { health: 'function', hooks: 'object' })).toBeUndefined()
    expect(contractProblem('marketing', { health: 'function', hooks: 'function' })).toBeDefined()
  })

  test('names of objects are no members, and an unknown type promises nothing more', () => {
    expect(contractProblem('constructor', { health: 'function' })).toBeUndefined()
    expect(contractProblem('analytics', Object.create({ health: 'function', track: 'function' }))).toContain('health')
  })
})
