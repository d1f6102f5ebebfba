import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { beatCodec } from '../../../src/agents/heartbeats/beat-codec.ts'
import { type Agreement, agreementOf, compactCodec } from '../../../src/agents/heartbeats/compact-beat.ts'
import { comBeatBytes } from '../../../src/decisions/configuration-heartbeat-rules.ts'
import type { Beat } from '../../../src/decisions/liveness.ts'
import {
  beatNumber,
  type Epoch,
  type Generation,
  type Incarnation,
  pathName,
  voterName,
} from '../../../src/events/index.ts'
import { configurationOf, two } from '../configuration/samples.ts'
import { VirtualWorld } from '../virtual-world.ts'

const { world } = new VirtualWorld()
const key = new Uint8Array(32).fill(7)
const agreement = agreementOf(configurationOf(two))
const codec = compactCodec(world, agreement, { key, groups: () => ['web', 'database'] })
const largest = 2 ** 48 - 1

const count = fc.oneof(fc.nat(), fc.constantFrom(0, 1, largest), fc.integer({ min: 0, max: largest }))
const generation = count as unknown as fc.Arbitrary<Generation>
const incarnation = count as unknown as fc.Arbitrary<Incarnation>
const voter = fc.constantFrom(...agreement.voters)
const echo = fc.record({
  incarnation,
  number: count.map(beatNumber),
  generation,
  promisedMs: fc.option(fc.integer({ min: 1, max: 2 ** 32 - 2 })),
})
const support = fc.record({ generation, reason: fc.constantFrom('silent', 'renounced') })
const beats: fc.Arbitrary<Beat> = fc.record({
  from: voter,
  incarnation,
  number: count.map(beatNumber),
  store: fc.stringMatching(/^[A-Za-z0-9_-]{22}$/),
  generation,
  sequence: count,
  groups: fc.dictionary(fc.constantFrom('web', 'database'), count as unknown as fc.Arbitrary<Epoch>, {
    noNullPrototype: true,
  }),
  echoes: fc.dictionary(voter, echo, { noNullPrototype: true }),
  hears: fc.dictionary(voter, fc.subarray([...agreement.paths]), { noNullPrototype: true }),
  supports: fc.dictionary(voter, support, { noNullPrototype: true }),
  renounced: generation,
  // Whoever reads one hears the servers themselves by the same path.
  passedOn: fc.constant({}),
})

/** All that one of two servers can say of the other and the witness. */
const full: Beat = {
  from: voterName('alpha'),
  incarnation: 1_795_190_400 as Incarnation,
  number: beatNumber(123_456),
  store: 'abcdefghijklmnopqrstuv',
  generation: 5 as Generation,
  sequence: 1_000_000,
  groups: {},
  echoes: {
    beta: {
      incarnation: 1_795_190_401 as Incarnation,
      number: beatNumber(9),
      generation: 6 as Generation,
      promisedMs: 3000,
    },
  },
  hears: { beta: [pathName('com'), pathName('lan:lan')], gamma: [pathName('nats')] },
  supports: { beta: { generation: 6 as Generation, reason: 'renounced' } },
  renounced: 5 as Generation,
  passedOn: {},
  arrival: {
    of: voterName('beta'),
    path: pathName('com'),
    incarnation: 1_795_190_401 as Incarnation,
    number: beatNumber(8),
    agoMs: 65,
  },
}
const encoded = (beat: Beat, by = codec): Uint8Array => {
  const bytes = by.encode(beat)
  if ('unfit' in bytes) throw new Error(bytes.unfit)
  return bytes
}
const bytes = encoded(full)
const { arrival: _, ...withoutArrival } = full

describe('a compact beat', () => {
  test('comes out as it went in', () => {
    expect(codec.decode(bytes)).toEqual(full)
    fc.assert(
      fc.property(beats, (beat) => {
        expect(codec.decode(encoded(beat))).toEqual(beat)
      }),
    )
  })
  test('of two servers and a witness has 136 bytes: 71 ms at 19,200 baud', () => {
    expect(bytes).toHaveLength(comBeatBytes(0))
    expect(bytes).toHaveLength(136)
    expect(encoded({ ...full, groups: { web: 3 as Epoch } })).toHaveLength(comBeatBytes(1))
  })
  test('does not carry groups that the receiver has not configured, nor paths that nobody has agreed on', () => {
    const more = { ...full, groups: { pigeons: 3 as Epoch }, hears: { beta: [pathName('pigeon'), pathName('com')] } }
    expect(codec.decode(encoded(more))).toEqual({ ...full, hears: { beta: [pathName('com')] } })
  })
  test('says nothing of voters that nobody has agreed on: a grant and a removal less', () => {
    const { beta } = full.echoes
    const more = { ...full, echoes: { stranger: beta }, supports: { stranger: full.supports.beta } } as unknown as Beat
    expect(codec.decode(encoded(more))).toEqual({ ...withoutArrival, echoes: {}, supports: {} })
  })
  test('is refused when a number does not fit its field', () => {
    const wrong: readonly object[] = [
      { number: largest + 1 },
      { sequence: -1 },
      { generation: 1.5 },
      { incarnation: Number.NaN },
      { renounced: 2 ** 53 },
      { store: 'x'.repeat(256) },
      { from: 'stranger' },
      { echoes: { beta: { ...full.echoes.beta, number: largest + 1 } } },
      { echoes: { beta: { ...full.echoes.beta, promisedMs: 2 ** 32 - 1 } } },
      { supports: { beta: { generation: largest + 1, reason: 'silent' } } },
    ]
    for (const change of wrong)
      expect(codec.encode({ ...full, ...change } as Beat), JSON.stringify(change)).toHaveProperty('unfit')
  })
  test('says of an arrival only what it can name, in 65 s; the rest goes without', () => {
    const { arrival } = full
    for (const change of [
      { of: voterName('gamma') },
      { path: pathName('pigeon') },
      { agoMs: 70_000 },
      { incarnation: 7 },
    ])
      expect(codec.decode(encoded({ ...full, arrival: { ...arrival, ...change } } as Beat))).toEqual(withoutArrival)
  })
  test('of the first version is read: it ends with the groups', () => {
    const macBytes = 16
    const content = Uint8Array.from(encoded(withoutArrival).subarray(0, -macBytes - 1))
    content[1] = 1
    const mac = world.authenticate(key, content).subarray(0, macBytes)
    expect(codec.decode(new Uint8Array(Buffer.concat([content, mac])))).toEqual(withoutArrival)
  })
  test('promises no longer than it was promised', () => {
    const echoes = { beta: { ...full.echoes.beta, promisedMs: 2999.9 } }
    expect(codec.decode(encoded({ ...full, echoes } as Beat))).toMatchObject({ echoes: { beta: { promisedMs: 2999 } } })
  })
})

describe('a compact beat is not believed', () => {
  const other = (change: Partial<Agreement>, by = key) =>
    compactCodec(world, { ...agreement, ...change }, { key: by, groups: () => [] })
  test('with another key', () => {
    expect(other({}, new Uint8Array(32)).decode(bytes)).toBe('forged')
  })
  test('of another cluster, even with the same key', () => {
    expect(other({ cluster: 'other' }).decode(bytes)).toBe('foreign')
  })
  test('of a configuration with other voters or networks: its indexes would name others', () => {
    const [first, ...rest] = agreement.voters
    expect(other({ voters: rest }).decode(bytes)).toBe('differing')
    expect(other({ voters: [...rest, first ?? voterName('')] }).decode(bytes)).toBe('differing')
    expect(other({ paths: agreement.paths.toReversed() }).decode(bytes)).toBe('differing')
  })
  test('of another version', () => {
    const changed = Uint8Array.from(bytes)
    changed[1] = 3
    expect(codec.decode(changed)).toBe('foreign')
  })
  test('of the other form, nor that one in this form', () => {
    const text = beatCodec(world, agreement.cluster, key)
    expect(codec.decode(text.encode(full))).toBe('foreign')
    expect(text.decode(bytes)).toBe('foreign')
  })
  test('with any bit changed', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Uint8Array.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(typeof codec.decode(changed)).toBe('string')
    }
  })
  test('cut short, lengthened, or any bytes at all; and nothing is thrown', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: bytes.length - 1 }),
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        (length, more) => {
          expect(typeof codec.decode(bytes.subarray(0, length))).toBe('string')
          expect(typeof codec.decode(Uint8Array.from([...bytes, ...more]))).toBe('string')
          expect(typeof codec.decode(more)).toBe('string')
        },
      ),
    )
  })
  test('when whoever knows the key writes nonsense', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const content = Uint8Array.from([...bytes.subarray(0, 14), ...noise])
        const mac = world.authenticate(key, content).subarray(0, 16)
        const beat = codec.decode(Uint8Array.from([...content, ...mac]))
        if (typeof beat !== 'string') expect(agreement.voters).toContain(beat.from)
      }),
    )
  })
})
