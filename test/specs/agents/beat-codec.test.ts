import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beatCodec } from '../../../src/agents/heartbeats/beat-codec.ts'
import type { Beat } from '../../../src/decisions/liveness.ts'
import { Voter } from '../liveness/voters.ts'
import { VirtualWorld } from '../virtual-world.ts'

const { world } = new VirtualWorld()
const key = new Uint8Array(32).fill(7)
const codec = beatCodec(world, 'demo', key)
const beatOf = (): Beat => {
  const [s1, w] = [new Voter('s1'), new Voter('w')]
  w.hears(s1.beat(1000), 1000)
  return w.beat(1100)
}
const beat = beatOf()
const bytes = codec.encode(beat)

describe('a beat', () => {
  test('comes out as it went in', () => {
    expect(codec.decode(bytes)).toEqual(beat)
  })
  test('of seven voters with all they can say fits into one datagram', () => {
    const names = Array.from({ length: 7 }, (_, index) => `a-server-with-a-long-name-${index}`)
    const of = <T>(value: T) => Object.fromEntries(names.map((name) => [name, value]))
    const [echo] = Object.values(beat.echoes)
    if (!echo) throw new Error('no echo')
    const large: Beat = {
      ...beat,
      echoes: of(echo),
      supports: of({ generation: beat.generation, reason: 'renounced' as const }),
      hears: of([]),
      groups: Object.fromEntries(
        Array.from({ length: 60 }, (_, n) => [`a-group-with-a-long-name-${n}`, 1]),
      ) as Beat['groups'],
    }
    expect(codec.decode(codec.encode(large))).toEqual(large)
  })
  test('with another key is forged', () => {
    expect(beatCodec(world, 'demo', new Uint8Array(32)).decode(bytes)).toBe('forged')
  })
  test('of another cluster is foreign, even with the same key', () => {
    expect(beatCodec(world, 'other', key).decode(bytes)).toBe('foreign')
  })
  test('that is authentic but none is damaged', () => {
    const wrong = (change: object) => codec.encode({ ...beat, ...change } as Beat)
    expect(codec.decode(wrong({ number: -1 }))).toBe('damaged')
    expect(codec.decode(wrong({ from: '' }))).toBe('damaged')
    expect(codec.decode(wrong({ echoes: { s1: 'yes' } }))).toBe('damaged')
  })
  test('that is too large, empty or of another product is foreign', () => {
    expect(codec.decode(new Uint8Array(20_000))).toBe('foreign')
    expect(codec.decode(new Uint8Array())).toBe('foreign')
    expect(codec.decode(new TextEncoder().encode('GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nAccept: */*\r\n\r\n'))).toBe(
      'foreign',
    )
  })
})

describe('whatever arrives', () => {
  test('any bytes: never a beat, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (noise) => {
        expect(['foreign', 'forged', 'damaged']).toContain(codec.decode(noise))
      }),
    )
  })
  test('a beat with any bit changed is none', () => {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const changed = Uint8Array.from(bytes)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(typeof codec.decode(changed)).toBe('string')
      }),
    )
  })
  test('a beat that was cut short, or lengthened, is none', () => {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.uint8Array({ minLength: 1, maxLength: 50 }), (length, more) => {
        expect(typeof codec.decode(bytes.subarray(0, length))).toBe('string')
        expect(typeof codec.decode(Uint8Array.from([...bytes, ...more]))).toBe('string')
      }),
    )
  })
})
