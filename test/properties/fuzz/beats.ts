/** Beats as they come in by UDP and by the log's connection: nothing is believed that was not said. */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { beatCodec } from '../../../src/agents/heartbeats/beat-codec.ts'
import { holdsLease } from '../../../src/decisions/leases.ts'
import { type Beat, hear } from '../../../src/decisions/liveness.ts'
import { instant } from '../../../src/events/index.ts'
import { lan, members, T, Voter } from '../../specs/liveness/voters.ts'
import { VirtualWorld } from '../../specs/virtual-world.ts'
import { damage, isSame, noise, type Target, target } from './target.ts'

const { world } = new VirtualWorld()
const key = new Uint8Array(32).fill(7)
const codec = beatCodec(world, 'demo', key)
const others = [
  beatCodec(world, 'demo', new Uint8Array(32).fill(8)),
  beatCodec(world, 'other', key),
  beatCodec(world, 'other', new Uint8Array(32)),
]

/** Some beats of a real conversation, in order. */
const conversation = (): readonly Beat[] => {
  const voters = [new Voter('s1'), new Voter('s2'), new Voter('w')]
  return Array.from({ length: 12 }, (_, round) => round * 100).flatMap((now) =>
    voters.map((voter) => {
      const beat = voter.beat(now)
      for (const other of voters) if (other !== voter) other.hears(beat, now)
      return beat
    }),
  )
}
const beats = conversation()
const encoded = beats.map((beat) => codec.encode(beat))
const anyBeat = fc.constantFrom(...encoded)

const isNone = (bytes: Uint8Array): void => {
  assert.equal(typeof codec.decode(bytes), 'string')
}

export const beatTargets: readonly Target[] = [
  target('beats: any bytes', noise, isNone),
  target('beats: damaged on the way', fc.tuple(anyBeat, damage), ([bytes, harm]) => {
    const harmed = harm(bytes)
    if (!isSame(harmed, bytes)) isNone(harmed)
  }),
  target(
    'beats: of another cluster, or by another key',
    fc.tuple(fc.constantFrom(...beats), fc.constantFrom(...others)),
    ([beat, other]) => isNone(other.encode(beat)),
  ),
  target(
    'beats: authentic, with a field that is none',
    fc.tuple(fc.constantFrom(...beats), fc.constantFrom(...Object.keys(beats[0] ?? {})), fc.jsonValue()),
    ([beat, field, value]) => {
      const decoded = codec.decode(codec.encode({ ...beat, [field]: value } as Beat))
      if (typeof decoded !== 'string') hear(new Voter('s1').l, decoded, lan, members, instant(5000))
    },
  ),
  target(
    'beats: replayed in any order, much later',
    fc.tuple(fc.array(fc.constantFrom(...beats), { maxLength: 30 }), fc.integer({ min: 4 * T, max: 40 * T })),
    ([replayed, later]) => {
      const s1 = new Voter('s1')
      for (const now of [0, 100, 200]) s1.beat(now)
      for (const beat of beats) s1.l = hear(s1.l, beat, lan, members, instant(1200))
      const before = s1.l.heard
      for (const beat of replayed) s1.l = hear(s1.l, beat, lan, members, instant(later))
      for (const [voter, { at }] of Object.entries(before)) assert.equal(s1.l.heard[voter]?.at, at)
      assert.equal(holdsLease(s1.l, members, instant(later)), false)
    },
  ),
]
