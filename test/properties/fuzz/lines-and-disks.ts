/** Beats on a serial line and in the slots of a disk: whatever noise and neighbours leave there. */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { type Agreement, compactCodec } from '../../../src/agents/heartbeats/compact-beat.ts'
import { formatSlot, formatSuperblock, readSuperblock } from '../../../src/agents/heartbeats/disk-layout.ts'
import { slipFrame, slipReader } from '../../../src/agents/heartbeats/slip.ts'
import { slotReader } from '../../../src/agents/heartbeats/slot-reader.ts'
import { pathName, voterName } from '../../../src/events/index.ts'
import { Voter } from '../../specs/liveness/voters.ts'
import { VirtualWorld } from '../../specs/virtual-world.ts'
import { damage, isSame, noise, type Target, target } from './target.ts'

const { world } = new VirtualWorld()
const key = new Uint8Array(32).fill(7)
const agreement: Agreement = {
  cluster: 'demo',
  voters: ['s1', 's2', 'w'].map(voterName),
  paths: ['nats', 'com', 'disk', 'lan:one'].map(pathName),
}
const of = (changed: Partial<Agreement>, by = key) =>
  compactCodec(world, { ...agreement, ...changed }, { key: by, groups: () => ['web'] })
const codec = of({})
const others = [of({ cluster: 'other' }), of({ voters: ['a', 's2', 'w'].map(voterName) }), of({}, new Uint8Array(32))]

const s1 = new Voter('s1')
const encode = (by: typeof codec, beat: ReturnType<Voter['beat']>): Uint8Array => {
  const bytes = by.encode({ ...beat, groups: {} })
  if (!(bytes instanceof Uint8Array)) throw new Error(bytes.unfit)
  return bytes
}
const beats = [100, 200, 300, 400].map((now) => s1.beat(now))
const encoded = beats.map((beat) => encode(codec, beat))
const anyBeat = fc.constantFrom(...encoded)
const largestFrame = 4096

const isNone = (bytes: Uint8Array): void => {
  assert.equal(typeof codec.decode(bytes), 'string')
}

/** A line that has carried anything at all still carries the next beats. */
const isHeardAfter = (bytes: Uint8Array): void => {
  const line = slipReader(largestFrame)
  for (const frame of line.read(bytes)) codec.decode(frame)
  const [first] = encoded
  assert.ok(first)
  const frames = line.read(slipFrame(first))
  assert.ok(frames.some((frame) => isSame(frame, first)))
}

/** A slot in which nothing was written since the first look: no beat comes out of it. */
const isSilent = (sectors: readonly Uint8Array[]): void => {
  const [newest] = encoded.slice(-1)
  const slot = newest ? formatSlot(newest) : null
  assert.ok(slot)
  const reader = slotReader(codec)
  reader.look(slot)
  for (const sector of sectors) {
    const found = reader.look(sector)
    assert.ok(found === null || typeof found === 'string')
  }
}

const slots = encoded.flatMap((bytes) => formatSlot(bytes) ?? [])
const superblock = formatSuperblock({ cluster: 'demo', id: 'x'.repeat(22) })

export const lineAndDiskTargets: readonly Target[] = [
  target('compact beats: any bytes', noise, isNone),
  target('compact beats: damaged', fc.tuple(anyBeat, damage), ([bytes, harm]) => {
    const harmed = harm(bytes)
    if (!isSame(harmed, bytes)) isNone(harmed)
  }),
  target(
    'compact beats: of others, by others, about others',
    fc.tuple(fc.constantFrom(...beats.slice(0, 1)), fc.constantFrom(...others)),
    ([beat, other]) => {
      const bytes = other.encode({ ...beat, groups: {} })
      if (bytes instanceof Uint8Array) isNone(bytes)
    },
  ),
  target('com: any bytes on the line', noise, isHeardAfter),
  target('com: damaged frames on the line', fc.array(fc.tuple(anyBeat, damage), { maxLength: 5 }), (frames) =>
    isHeardAfter(Uint8Array.from(frames.flatMap(([bytes, harm]) => [...harm(slipFrame(bytes))]))),
  ),
  target('disk: any bytes in a slot', fc.array(noise, { maxLength: 4 }), isSilent),
  target(
    'disk: damaged, torn and old slots',
    fc.array(fc.tuple(fc.constantFrom(...slots), damage, fc.nat({ max: 8 })), { maxLength: 5 }),
    (sectors) =>
      isSilent(
        sectors.map(([slot, harm, tornAt], index) => {
          const under = slots[index % slots.length] ?? slot
          return tornAt < 8
            ? Uint8Array.from([...slot.subarray(0, tornAt * 512), ...under.subarray(tornAt * 512)])
            : harm(slot)
        }),
      ),
  ),
  target('disk: damaged superblock', damage, (harm) => {
    const harmed = harm(superblock)
    const read = readSuperblock(harmed)
    if (typeof read !== 'string') assert.deepEqual(read, { cluster: 'demo', id: 'x'.repeat(22) })
  }),
]
