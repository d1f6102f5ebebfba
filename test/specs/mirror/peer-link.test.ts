import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dataGeneration, mirrorId } from '../../../src/mirror/generations.ts'
import { encodeFrames, type Frame, FrameReader, frame, maxPayloadBytes } from '../../../src/mirror/peer/frame.ts'
import { defaultLinkLimits, type LinkIdentity, type LinkUser, PeerLink } from '../../../src/mirror/peer/link.ts'
import {
  encodeMessage,
  encodeRuns,
  parseHello,
  parseJoin,
  parseRuns,
  parseState,
} from '../../../src/mirror/peer/messages.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { SimulatedConnection } from './simulated-network.ts'

const mirror = mirrorId('00112233445566778899aabbccddeeff')
const key = Buffer.from('the key of this cluster')

class Heard implements LinkUser {
  link: PeerLink | null = null
  frames: Frame[] = []
  end: string | null = null
  readonly opened = (link: PeerLink) => {
    this.link = link
  }
  readonly received = (one: Frame) => {
    this.frames.push({ ...one, payload: Uint8Array.from(one.payload) })
  }
  readonly paused = () => undefined
  readonly closed = (because: string) => {
    this.end = because
  }
}

const virtual = () => {
  const one = new VirtualWorld()
  let nonces = 0
  const nonce = () => {
    nonces += 1
    return nonces.toString(16).padStart(64, '0')
  }
  return { one, world: { ...one.world, nonce } }
}

const identityOf = (server: 'alpha' | 'beta', changes: Partial<LinkIdentity> = {}): LinkIdentity => ({
  mirror,
  server,
  peer: server === 'alpha' ? 'beta' : 'alpha',
  key,
  side: server === 'alpha' ? 'connecting' : 'accepting',
  ...changes,
})

/** Alpha connects to beta. */
const connected = (changes: Partial<LinkIdentity> = {}, limits = defaultLinkLimits) => {
  const { one, world } = virtual()
  const connection = new SimulatedConnection(one.clock)
  const [alpha, beta] = [new Heard(), new Heard()]
  const links = [
    new PeerLink(world, { identity: identityOf('alpha', changes), limits, user: alpha }, connection.open(0)),
    new PeerLink(world, { identity: identityOf('beta'), limits, user: beta }, connection.open(1)),
  ] as const
  return { one, connection, alpha, beta, links }
}

describe('a mirror connect', () => {
  test('opens on both sides once both have proved themselves, and carries what is sent', async () => {
    const { one, alpha, beta } = connected()
    await one.pass(10)
    const bytes = new Uint8Array(4096).fill(7)
    alpha.link?.send([
      frame('write', { epoch: 3, sequence: 1, at: 8192, length: 4096, payload: bytes, isResync: true }),
    ])
    bytes.fill(0)
    await one.pass(10)
    expect(beta.frames).toHaveLength(1)
    expect(beta.frames[0]).toMatchObject({ kind: 'write', epoch: 3, at: 8192, isResync: true })
    expect(beta.frames[0]?.payload).toEqual(new Uint8Array(4096).fill(7))
  })

  const refused: readonly (readonly [string, Partial<LinkIdentity>, RegExp])[] = [
    ['another key', { key: Buffer.from('guessed') }, /does not have this cluster's key/],
    ['another mirror', { mirror: mirrorId('f'.repeat(32)) }, /check which partitions belong together/],
    ['another name', { server: 'gamma' }, /says it is gamma, expected was alpha/],
  ]
  test.each(refused)('from a side with %s is refused, and nothing of it is taken', async (_what, changes, because) => {
    const { one, alpha, beta, links } = connected(changes)
    await one.pass(5)
    links[0].send([frame('write', { length: 512, payload: new Uint8Array(512) })])
    await one.pass(10_000)
    expect(beta.end).toMatch(because)
    expect(alpha.end).not.toBeNull()
    expect([alpha.link, beta.link, beta.frames]).toEqual([null, null, []])
  })

  test("is not opened by whoever sends back what he hears: a side's proof is not the other's", async () => {
    const { one, world } = virtual()
    const beta = new Heard()
    const held: { end?: { received: (bytes: Uint8Array) => void } } = {}
    new PeerLink(
      world,
      { identity: identityOf('beta', { peer: 'beta' }), limits: defaultLinkLimits, user: beta },
      (end) => {
        held.end = end
        return {
          send: (bytes) => {
            const copy = Uint8Array.from(bytes)
            one.clock.after(1, () => end.received(copy))
          },
          close: () => undefined,
        }
      },
    )
    await one.pass(100)
    expect([beta.link, beta.end]).toEqual([null, expect.stringMatching(/key/)])
  })

  test('that falls silent is closed on both sides, one that has nothing to say is not', async () => {
    const { one, connection, alpha, beta } = connected()
    await one.pass(60_000)
    expect([alpha.end, beta.end]).toEqual([null, null])
    expect(alpha.link?.statistics.roundTripMs).toBe(2)
    connection.isCut = true
    await one.pass(6000)
    expect([alpha.end, beta.end]).toEqual([
      expect.stringMatching(/nothing heard/),
      expect.stringMatching(/nothing heard/),
    ])
  })

  test('of somebody who only connects is closed after the handshake limit', async () => {
    const { one, world } = virtual()
    const beta = new Heard()
    const options = { identity: identityOf('beta'), limits: defaultLinkLimits, user: beta }
    new PeerLink(world, options, new SimulatedConnection(one.clock).open(1))
    await one.pass(defaultLinkLimits.handshakeMs)
    expect(beta.end).toMatch(/did not prove/)
  })

  test('compresses what becomes smaller by it', async () => {
    const { one, alpha, beta } = connected({}, { ...defaultLinkLimits, compress: true })
    await one.pass(10)
    const text = new Uint8Array(65_536).fill(65)
    alpha.link?.send([frame('write', { length: 65_536, payload: text }), frame('flush', { sequence: 2 })])
    await one.pass(10)
    expect(beta.frames.map(({ kind, payload }) => [kind, payload.length])).toEqual([
      ['write', 65_536],
      ['flush', 0],
    ])
    expect(alpha.link?.statistics.compressedBytes).toBeLessThan(1000)
  })

  test('closes at the first bit that changed on the way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(8 * 1080 - 1), async (bit) => {
        const { one, connection, alpha, beta } = connected()
        await one.pass(10)
        connection.alter = (bytes) => {
          if (bit >>> 3 < bytes.length) bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
          return bytes
        }
        alpha.link?.send([frame('write', { length: 1024, payload: new Uint8Array(1024) })])
        await one.pass(10)
        expect([beta.frames.length, beta.end !== null]).toEqual([0, true])
      }),
      { numRuns: 60 },
    )
  })
})

const anyFrame: fc.Arbitrary<Frame> = fc
  .record({
    kind: fc.constantFrom(
      'write' as const,
      'trim' as const,
      'flush' as const,
      'ack' as const,
      'state' as const,
      'digest' as const,
    ),
    isResync: fc.boolean(),
    mayUnmap: fc.boolean(),
    epoch: fc.nat(),
    generation: fc.constantFrom(null, dataGeneration('00000000000000ff')),
    sequence: fc.maxSafeNat(),
    at: fc.maxSafeNat(),
    payload: fc.uint8Array({ maxLength: 3000 }),
  })
  .map((one) => ({ ...one, length: one.kind === 'write' ? one.payload.length : 5 }))

describe('frames', () => {
  test('are read as they were written, however the bytes are cut, compressed or not', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), cuts, fc.boolean(), (frames, pieces, compress) => {
        const read: Frame[] = []
        const keep = (one: Frame) => read.push({ ...one, payload: Uint8Array.from(one.payload) })
        const reader = new FrameReader(keep, () => maxPayloadBytes)
        const { bytes } = encodeFrames(frames, compress)
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const piece = pieces[turn % pieces.length] ?? 1
          // The receive buffer is overwritten by what comes next.
          const lent = Uint8Array.from(bytes.subarray(at, at + piece))
          expect(reader.receive(lent)).toBeNull()
          lent.fill(0xff)
          at += piece
        }
        expect(read).toEqual(frames.map((one) => ({ ...one, payload: Uint8Array.from(one.payload) })))
      }),
      { numRuns: 100 },
    )
  })

  test('of any bytes never throw, and never hand out more than their limit', () => {
    const damaged = fc
      .tuple(
        fc.array(anyFrame, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { maxLength: 5 }),
      )
      .map(([frames, changes]) => {
        const bytes = Uint8Array.from(encodeFrames(frames, true).bytes)
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        return bytes
      })
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        const reader = new FrameReader(
          (one) => {
            expect(one.payload.length).toBeLessThanOrEqual(maxPayloadBytes)
            for (const parse of [parseHello, parseState, parseJoin]) parse(one)
            parseRuns(one, 100)
          },
          () => 4096,
        )
        reader.receive(bytes)
      }),
      { numRuns: 300 },
    )
  })

  test('that claim a bomb are refused: what decompresses to more than a chunk', () => {
    const bomb = encodeFrames(
      [frame('write', { length: 8 * maxPayloadBytes, payload: new Uint8Array(8 * maxPayloadBytes) })],
      true,
    )
    const reader = new FrameReader(
      () => expect.unreachable(),
      () => maxPayloadBytes,
    )
    expect(reader.receive(bomb.bytes)).toMatch(/cannot be decompressed/)
  })

  test('with marks name blocks of this disk only', () => {
    const runs = [
      { first: 0, count: 2 },
      { first: 90, count: 10 },
    ]
    expect(parseRuns(frame('marks', { payload: encodeRuns(runs) }), 100)).toEqual(runs)
    expect(parseRuns(frame('marks', { payload: encodeRuns(runs) }), 99)).toBeNull()
    expect(parseRuns(frame('marks', { payload: new Uint8Array(13) }), 100)).toBeNull()
  })

  test('with text that is not what it should be are none', () => {
    const text = (value: unknown) => frame('state', { payload: new TextEncoder().encode(JSON.stringify(value)) })
    expect(parseState(text({ session: 's' }))).toBeNull()
    expect(parseJoin(text({ generations: { current: 'x' } }))).toBeNull()
    const hello = { protocol: { from: 1, to: 1 }, mirror, server: 'alpha', nonce: 'a'.repeat(64) }
    expect(parseHello(frame('hello', { payload: encodeMessage(hello) }))).toEqual(hello)
  })
})
