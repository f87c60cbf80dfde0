import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ownerOf, prefixOf, schemaOf } from '../../../reconciler/tables/names.ts'
import { ID_MAX_LENGTH, idProblem } from '../../../schemas/names.ts'

test('names of two plugins never meet', () => {
  expect([prefixOf('loyalty'), prefixOf('loyalty-points'), schemaOf('loyalty-points')]).toEqual(['plg_loyalty__', 'plg_loyalty_points__', 'plg_loyalty_points'])
  expect(ownerOf('plg_loyalty_points__a')).toBe('loyalty-points')
  expect(ownerOf('plg_loyalty__points__a')).toBe('loyalty')
})

test('every name under a prefix belongs to that plugin alone', () => {
  const id = fc.stringMatching(/^[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3}){0,3}$/).filter((s) => s.length <= ID_MAX_LENGTH && idProblem(s) === undefined)
  fc.assert(fc.property(id, fc.stringMatching(/^[a-z0-9_]{1,12}$/), (plugin, rest) => void expect(ownerOf(prefixOf(plugin) + rest)).toBe(plugin)))
})

test.each(['orders', 'plg_', 'plg_loyalty', 'plg_loyalty__', 'PLG_loyalty__a', 'plg_Loyalty__a', 'plg_loyalty__é', 'plg_loyalty__a b', 'plg_loyalty__a\n', 'xplg_loyalty__a', 'plg__a', 'plg_1__a', 'catalyst_state', 'sqlite_master'])('%j is nobody’s', (name) => expect(ownerOf(name)).toBeUndefined())
