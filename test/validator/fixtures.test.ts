import { describe, expect, test } from 'vitest'
import { validate } from '../../validator/validate.ts'
import { asMarks, fixturePackage, marksOf } from './package-builder.ts'

describe('each finding stands on the very line that is marked, and no other line has one', () => {
  test.each(['good-esm', 'good-cjs', 'imports', 'dynamic-code', 'escape-cjs', 'escape-esm', 'hosts', 'unseen'])('%s', (name) => {
    const pkg = fixturePackage(name)
    const findings = validate(pkg).filter((f) => !(f.rule === 'wasm' && f.place?.line === undefined))
    expect(asMarks(findings)).toEqual(marksOf(pkg))
  })
})

test('a package with nothing odd has no findings', () => {
  expect(validate(fixturePackage('good-esm'))).toEqual([])
  expect(validate(fixturePackage('good-cjs'))).toEqual([])
})

test('what values hide is not seen: these rules are no boundary, and the fixture that shows it stays', () => {
  expect(validate(fixturePackage('unseen'))).toEqual([])
})

