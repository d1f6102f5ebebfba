import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Batch } from '../../src/mirror/batches.ts'
import { type Transfer, transferBytes } from '../../src/mirror/disk.ts'
import { SimulatedDisk } from '../../src/sim/mirror/block-disk.ts'

const sectors = 16
const range = fc.record({ at: fc.nat(sectors - 1), length: fc.integer({ min: 1, max: 4 }) })
const transfers = fc.array(fc.record({ range, isRead: fc.boolean(), fill: fc.nat(255) }), { maxLength: 200 })

const transferOf = (one: { range: { at: number; length: number }; isRead: boolean; fill: number }): Transfer => {
  const at = one.range.at * 512
  const length = Math.min(one.range.length, sectors - one.range.at) * 512
  return one.isRead
    ? { do: 'read', at, into: new Uint8Array(length) }
    : { do: 'write', at, bytes: new Uint8Array(length).fill(one.fill) }
}

test('a disk that does the last of a batch first has, and reads, what one has that does one after the other', () => {
  fc.assert(
    fc.property(transfers, fc.array(fc.nat(200), { maxLength: 5 }), (drawn, pauses) => {
      const [together, oneByOne] = [new SimulatedDisk(sectors * 512), new SimulatedDisk(sectors * 512)]
      const batch = new Batch<Transfer>((some) => together.transfer(some))
      const added = drawn.map(transferOf)
      added.forEach((one, index) => {
        batch.add(one)
        if (pauses.includes(index)) batch.run()
      })
      batch.run()
      const expected = drawn.map(transferOf)
      for (const one of expected) oneByOne.transfer([one])
      expect(together.content).toEqual(oneByOne.content)
      expect(added).toEqual(expected)
    }),
  )
})

test('what does not overlap is done in one go, and two reads may', () => {
  const batches: (readonly Transfer[])[] = []
  const batch = new Batch<Transfer>((some) => batches.push(some))
  const read = { do: 'read', at: 0, into: new Uint8Array(1024) } as const
  const beside = { do: 'write', at: 1024, bytes: new Uint8Array(512) } as const
  for (const one of [read, read, beside]) batch.add(one)
  batch.run()
  batch.run()
  expect(batches).toEqual([[read, read, beside]])
  expect(transferBytes(read)).toBe(1024)
})
