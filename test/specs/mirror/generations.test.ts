import { describe, expect, test } from 'vitest'
import {
  dataGeneration,
  type Generations,
  joined,
  noGenerations,
  parted,
  relate,
} from '../../../src/mirror/generations.ts'

const of = (letter: string) => dataGeneration(letter.repeat(16))
const [a, b, c, d] = [of('a'), of('b'), of('c'), of('d')]
const both: Generations = { ...noGenerations, current: a }

describe('two sides of a mirror', () => {
  test('that were never written have nothing to copy', () => {
    expect(relate(noGenerations, noGenerations)).toEqual({ are: 'new' })
  })

  test('of which one was never written copy everything to it', () => {
    expect(relate(both, noGenerations)).toEqual({ are: 'apart', source: 'mine', copy: 'everything' })
    expect(relate(noGenerations, both)).toEqual({ are: 'apart', source: 'theirs', copy: 'everything' })
  })

  test('that did not part are equal', () => {
    expect(relate(both, both)).toEqual({ are: 'equal' })
  })

  test('of which one went on alone, once or more often, copy the differences from it', () => {
    const alone = parted(both, b)
    const longAlone = parted(alone, c)
    expect(relate(alone, both)).toEqual({ are: 'apart', source: 'mine', copy: 'differences' })
    expect(relate(both, longAlone)).toEqual({ are: 'apart', source: 'theirs', copy: 'differences' })
  })

  test('of which one has missed a whole resync copy everything', () => {
    const later = parted(joined(parted(both, b)), c)
    expect(relate(later, both)).toEqual({ are: 'apart', source: 'mine', copy: 'everything' })
    expect(relate(both, later)).toEqual({ are: 'apart', source: 'theirs', copy: 'everything' })
  })

  test('that both went on alone are split, and neither is overwritten', () => {
    expect(relate(parted(both, b), parted(both, c))).toEqual({ are: 'split', common: a })
    expect(relate(parted(parted(both, b), c), parted(both, d))).toEqual({ are: 'split', common: a })
  })

  test('one of which went on after a resync that the other had gone on from too are split', () => {
    const later = parted(joined(parted(both, b)), c)
    expect(relate(later, parted(both, d))).toMatchObject({ are: 'split' })
  })

  test('without a generation in common are two different disks', () => {
    expect(relate(both, { ...noGenerations, current: d })).toEqual({ are: 'unrelated' })
  })

  test('see the same from either end', () => {
    const all = [
      noGenerations,
      both,
      parted(both, b),
      parted(both, c),
      joined(parted(both, b)),
      parted(parted(both, b), d),
    ]
    const turned = { mine: 'theirs', theirs: 'mine' } as const
    for (const one of all) {
      for (const other of all) {
        const seen = relate(one, other)
        expect(relate(other, one)).toEqual(seen.are === 'apart' ? { ...seen, source: turned[seen.source] } : seen)
      }
    }
  })
})
