import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { alignedBytes } from '../../../src/mirror/aligned-memory.ts'
import { openDisk } from '../../../src/mirror/direct-disk.ts'
import { type Disk, oneByOne, type Transfer } from '../../../src/mirror/disk.ts'

const folder = mkdtempSync(join(tmpdir(), 'direct-disk-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const diskOf = (size: number): { readonly disk: Disk; readonly file: string } => {
  const file = join(folder, `disk-${files++}`)
  writeFileSync(file, new Uint8Array(size))
  return { disk: openDisk(file, { direct: true, exclusive: false }), file }
}

const block = 4096
const blocks = 1024
const filled = (length: number, seed: number): Uint8Array => {
  const bytes = alignedBytes(length)
  for (let i = 0; i < length; i++) bytes[i] = (seed * 31 + i * 7) % 251
  return bytes
}

test('reads and writes under way at once leave a real disk as they would one after the other', () => {
  const { disk } = diskOf(blocks * block)
  const { disk: other } = diskOf(blocks * block)
  const sizes = fc.array(
    fc.record({ count: fc.constantFrom(1, 1, 1, 1, 2, 7, 64, 300), isRead: fc.boolean(), isFit: fc.boolean() }),
    {
      minLength: 2,
      maxLength: 100,
    },
  )
  fc.assert(
    fc.property(sizes, fc.nat(1000), (drawn, seed) => {
      let at = 0
      const made = drawn.flatMap(({ count, isRead, isFit }, index): Transfer[] => {
        const length = count * block
        if (at + length > blocks * block) return []
        const memory = isFit ? alignedBytes(length) : new Uint8Array(length + 1).subarray(1)
        const place = at
        at += length
        if (isRead) return [{ do: 'read', at: place, into: memory }]
        memory.set(filled(length, seed + index))
        return [{ do: 'write', at: place, bytes: memory }]
      })
      const copies = made.map(
        (one): Transfer => (one.do === 'read' ? { ...one, into: new Uint8Array(one.into.length) } : one),
      )
      expect(disk.transfer(made)).toEqual(made.map(() => null))
      oneByOne(other, copies)
      made.forEach((one, index) => {
        const copy = copies[index]
        if (one.do === 'read' && copy?.do === 'read') expect(Buffer.compare(one.into, copy.into)).toBe(0)
      })
    }),
    { numRuns: 40 },
  )
  const [whole, expected] = [alignedBytes(blocks * block), alignedBytes(blocks * block)]
  disk.read(0, whole)
  other.read(0, expected)
  expect(Buffer.compare(whole, expected)).toBe(0)
  disk.close()
  other.close()
})

test('what fails among many is told with its place, and the others are done', () => {
  const { disk, file } = diskOf(8 * block)
  // The disk is shorter than it was.
  truncateSync(file, 4 * block)
  const reads = [0, 1, 6].map(
    (index): Transfer => ({ do: 'read', at: index * block, into: new Uint8Array(block).fill(9) }),
  )
  const [first, second, third] = disk.transfer(reads)
  expect([first, second]).toEqual([null, null])
  expect(reads.slice(0, 2).every((one) => one.do === 'read' && one.into.every((byte) => byte === 0))).toBe(true)
  expect(third?.message).toContain(`read ${block} bytes at ${6 * block}`)
  expect(third?.place).toEqual({ operation: 'read', at: 6 * block, length: block })
  expect(() => disk.transfer([{ do: 'read', at: 8 * block, into: new Uint8Array(block) }, ...reads])).toThrow('within')
  disk.close()
})
