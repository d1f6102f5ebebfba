import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { slipFrame, slipReader } from '../../../src/agents/heartbeats/slip.ts'

const content = fc.uint8Array({ minLength: 1, maxLength: 60 })

describe('frames on a line', () => {
  test('come out as they went in, however the line cuts them', () => {
    fc.assert(
      fc.property(fc.array(content, { maxLength: 5 }), fc.integer({ min: 1, max: 20 }), (frames, step) => {
        const line = frames.flatMap((frame) => [...slipFrame(frame)])
        const reader = slipReader(60)
        const read: Uint8Array[] = []
        for (let at = 0; at < line.length; at += step)
          read.push(...reader.read(Uint8Array.from(line.slice(at, at + step))))
        expect(read).toEqual(frames)
      }),
    )
  })
  test('are found again after any garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), content, (garbage, frame) => {
        const read = slipReader(60).read(Uint8Array.from([...garbage, ...slipFrame(frame)]))
        expect(read.at(-1)).toEqual(frame)
      }),
    )
  })
  test('that are too long are passed over, and nothing is kept of them', () => {
    const reader = slipReader(60)
    expect(reader.read(new Uint8Array(1_000_000).fill(1))).toEqual([])
    expect(reader.read(slipFrame(Uint8Array.of(1, 2, 3)))).toEqual([Uint8Array.of(1, 2, 3)])
  })
  test('with an escape that means nothing are dropped', () => {
    expect(slipReader(60).read(Uint8Array.of(1, 0xdb, 7, 2, 0xc0, 3, 0xc0))).toEqual([Uint8Array.of(3)])
    expect(slipReader(60).read(Uint8Array.of(1, 0xdb, 0xc0, 3, 0xc0))).toEqual([Uint8Array.of(3)])
  })
})
