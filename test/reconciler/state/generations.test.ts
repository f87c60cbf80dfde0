import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { sha256, type Digest } from '../../../schemas/digest.ts'
import { buildGeneration, currentGeneration, generationNumbers, linkedTrees, liveSet, liveTrees, sameSet, switchTo } from '../../../reconciler/state/generations.ts'
import type { StorePaths } from '../../../reconciler/state/paths.ts'
import { generationRecord, installRecord } from '../../contracts/records.ts'
import { temporaryStore } from './folder.ts'

const A = sha256('a')
const B = sha256('b')

describe('generations', () => {
  let paths: StorePaths
  const addTree = (tree: Digest): void => void mkdirSync(paths.tree(tree), { recursive: true })
  beforeEach(() => {
    paths = temporaryStore()
    addTree(A)
    addTree(B)
  })

  test('nothing was ever activated', () => {
    expect(liveTrees(paths)).toBeUndefined()
    expect(currentGeneration(paths)).toBeUndefined()
    expect(generationNumbers(paths)).toEqual([])
  })

  test('a generation is a folder of links; one rename makes it live', () => {
    buildGeneration(paths, 1, new Map([['alpha', A]]))
    buildGeneration(paths, 2, new Map([['alpha', B], ['beta', A]]))
    expect(liveTrees(paths)).toBeUndefined()
    switchTo(paths, 1)
    expect(liveTrees(paths)).toEqual(new Map([['alpha', A]]))
    switchTo(paths, 2)
    expect(readlinkSync(paths.current)).toBe('generations/2')
    expect(readlinkSync(join(paths.current, 'beta'))).toBe(`../../trees/${A.slice(7)}`)
    expect(liveTrees(paths)).toEqual(new Map([['alpha', B], ['beta', A]]))
    expect(generationNumbers(paths)).toEqual([1, 2])
  })

  test('an empty generation can be live: it is not the same as none', () => {
    buildGeneration(paths, 1, new Map())
    switchTo(paths, 1)
    expect(liveTrees(paths)).toEqual(new Map())
  })

  test('a store that was moved to another folder still works', () => {
    buildGeneration(paths, 1, new Map([['alpha', A]]))
    switchTo(paths, 1)
    expect(readlinkSync(join(paths.generation(1), 'alpha')).startsWith('/')).toBe(false)
    expect(readlinkSync(paths.current).startsWith('/')).toBe(false)
  })

  test('a folder that says the same is left alone, one that says otherwise is made again', () => {
    const live = new Map([['alpha', A]])
    buildGeneration(paths, 1, live)
    const before = lstatSync(paths.generation(1)).ino
    buildGeneration(paths, 1, live)
    expect(lstatSync(paths.generation(1)).ino).toBe(before)
    const link = join(paths.generation(1), 'alpha')
    for (const spoil of [() => rmSync(link), () => (rmSync(link), writeFileSync(link, 'x')), () => (rmSync(link), symlinkSync('/etc', link)), () => symlinkSync('/etc', join(paths.generation(1), 'beta'))]) {
      spoil()
      buildGeneration(paths, 1, live)
      expect(linkedTrees(paths, 1)).toEqual(live)
      expect(existsSync(join(paths.generation(1), 'beta'))).toBe(false)
    }
  })

  test('what an interrupted build or switch left behind does not disturb the next', () => {
    mkdirSync(join(paths.generations, '.1.building'), { recursive: true })
    writeFileSync(join(paths.generations, '.1.building', 'old'), '')
    symlinkSync('generations/9', `${paths.current}.next`)
    buildGeneration(paths, 1, new Map([['alpha', A]]))
    switchTo(paths, 1)
    expect(liveTrees(paths)).toEqual(new Map([['alpha', A]]))
    expect(generationNumbers(paths)).toEqual([1])
  })

  test('a link whose tree is gone is not live', () => {
    buildGeneration(paths, 1, new Map([['alpha', A], ['beta', B]]))
    switchTo(paths, 1)
    rmSync(paths.tree(A), { recursive: true })
    expect(liveTrees(paths)).toEqual(new Map([['beta', B]]))
  })

  test('a current that is no link of ours counts as none', () => {
    symlinkSync('/etc', paths.current)
    expect(currentGeneration(paths)).toBeUndefined()
    rmSync(paths.current)
    mkdirSync(paths.current)
    expect(currentGeneration(paths)).toBeUndefined()
  })

  test('a plugin that is switched off is recorded and not live', () => {
    const record = generationRecord(1, [installRecord('alpha'), installRecord('beta', '1.0.0', { enabled: false })])
    expect([...liveSet(record).keys()]).toEqual(['alpha'])
  })

  test('sets are equal when they make the same trees live', () => {
    expect(sameSet(new Map([['a', A], ['b', B]]), new Map([['b', B], ['a', A]]))).toBe(true)
    expect(sameSet(new Map([['a', A]]), new Map([['a', B]]))).toBe(false)
    expect(sameSet(new Map([['a', A]]), new Map([['b', A]]))).toBe(false)
  })
})
