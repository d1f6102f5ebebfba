import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bitmap } from '../../src/mirror/bitmap.ts'

const length = 200
const range = fc.tuple(fc.nat(length), fc.nat(length)).map(([one, other]) => ({
  first: Math.min(one, other),
  count: Math.abs(one - other),
}))
const change = fc.oneof(
  range.map((one) => ({ do: 'range', ...one }) as const),
  fc.nat(length - 1).map((index) => ({ do: 'add', index }) as const),
  fc.nat(length - 1).map((index) => ({ do: 'remove', index }) as const),
  fc.constant({ do: 'all' } as const),
)

test('ranges, all of it and single ones leave a bitmap that is the set of them', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.array(range, { maxLength: 5 }), (changes, others) => {
      const [bitmap, set] = [new Bitmap(length), new Set<number>()]
      const addRange = ({ first, count }: { first: number; count: number }): void => {
        for (let index = first; index < first + count; index++) set.add(index)
      }
      for (const one of changes) {
        if (one.do === 'range') {
          bitmap.addRange(one.first, one.count)
          addRange(one)
        } else if (one.do === 'all') {
          bitmap.addAll()
          addRange({ first: 0, count: length })
        } else if (one.do === 'add') {
          bitmap.add(one.index)
          set.add(one.index)
        } else {
          bitmap.remove(one.index)
          set.delete(one.index)
        }
      }
      const other = new Bitmap(length - 7)
      for (const { first, count } of others) {
        const fitting = { first: Math.min(first, length - 7), count: Math.max(0, Math.min(count, length - 7 - first)) }
        other.addRange(fitting.first, fitting.count)
        addRange(fitting)
      }
      bitmap.addFrom(other)
      const expected = [...set].toSorted((a, b) => a - b)
      expect([...bitmap.indexes()]).toEqual(expected)
      expect(bitmap.count).toBe(expected.length)
      const fromRuns = [...bitmap.runs()].flatMap(({ first, count }) =>
        Array.from({ length: count }, (_, at) => first + at),
      )
      expect(fromRuns).toEqual(expected)
      const ends = [...bitmap.runs()].map(({ first, count }) => first + count)
      expect(ends.every((end) => end === length || !bitmap.has(end))).toBe(true)
    }),
  )
})
