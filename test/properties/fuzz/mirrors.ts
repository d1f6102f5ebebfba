/** A mirror's data plane: what its NBD clients and the other side send, and what may lie on its cluster partition. */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { ClusterPartition, clusterPartitionBytes } from '../../../src/mirror/cluster-partition.ts'
import { type Disk, oneByOne } from '../../../src/mirror/disk.ts'
import { ActiveSide } from '../../../src/mirror/engine/active.ts'
import { defaultActiveLimits } from '../../../src/mirror/engine/active-options.ts'
import { type Side, Standby } from '../../../src/mirror/engine/standby.ts'
import { dataGeneration, mirrorId, noGenerations } from '../../../src/mirror/generations.ts'
import { Transmission } from '../../../src/mirror/nbd/transmission.ts'
import type { Geometry } from '../../../src/mirror/partition/state-record.ts'
import { encodeFrames, type Frame, type FrameKind, FrameReader, frame } from '../../../src/mirror/peer/frame.ts'
import type { PeerLink } from '../../../src/mirror/peer/link.ts'
import { plainEngine } from '../../../src/mirror/plain-engine.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import { VirtualWorld } from '../../specs/virtual-world.ts'
import { damage, noise, type Target, target } from './target.ts'

const blockBytes = 4096
const geometry: Geometry = {
  mirror: mirrorId('a'.repeat(32)),
  dataBytes: 64 * blockBytes,
  blockBytes,
  regionBytes: 4 * blockBytes,
}
const generation = dataGeneration('1'.repeat(16))
const known = { role: 'standby', isConsistent: true, epoch: 3, boot: 'boot' } as const
const state = { ...known, copyOf: null, copyTo: null, generations: { ...noGenerations, current: generation } }

/** Only what is inside of the mirrored part is ever written; the rest of the disk belongs to somebody else. */
const watched = (): { readonly disk: Disk; readonly outside: string[] } => {
  const outside: string[] = []
  const inner = new SimulatedDisk(2 * geometry.dataBytes)
  const within = (what: string, at: number, length: number, run: () => void): void => {
    if (at < 0 || at + length > geometry.dataBytes || at % 512 !== 0 || length % 512 !== 0)
      outside.push(`${what} ${at}+${length}`)
    else run()
  }
  const disk: Disk = {
    size: geometry.dataBytes,
    measure: () => geometry.dataBytes,
    blockBytes: 512,
    read: (at, into) => within('read', at, into.length, () => inner.read(at, into)),
    write: (at, bytes) => within('write', at, bytes.length, () => inner.write(at, bytes)),
    transfer: (transfers) => oneByOne(disk, transfers),
    trim: (at, length) => within('trim', at, length, () => inner.trim(at, length)),
    zero: (at, length) => within('zero', at, length, () => inner.zero(at, length)),
    flush: inner.flush,
    close: inner.close,
  }
  return { disk, outside }
}

const metadata = (): SimulatedDisk => {
  const disk = new SimulatedDisk(clusterPartitionBytes(geometry))
  const made = ClusterPartition.format(disk, geometry, 7n)
  assert.ok(made.is === 'usable')
  made.partition.save(state)
  return disk
}
const sideOn = (data: Disk): Side => {
  const opened = ClusterPartition.open(metadata())
  assert.ok(opened.is === 'usable')
  return { partition: opened.partition, data, session: 'session', boot: 'boot' }
}
/** Whoever hears what is sent back. */
const heard = (): { readonly link: PeerLink; readonly frames: Frame[] } => {
  const frames: Frame[] = []
  const link = { send: (sent: readonly Frame[]) => void frames.push(...sent), close: () => undefined }
  // cast: of a link the sides use no more than this
  return { link: link as unknown as PeerLink, frames }
}

const kinds: readonly FrameKind[] = [
  ...([
    'state',
    'write',
    'trim',
    'zero',
    'flush',
    'ack',
    'refused',
    'marks',
    'marks-end',
    'resync-begin',
    'join',
  ] as const),
  ...(['digest-request', 'digest', 'bye', 'read-request', 'read-data'] as const),
]
const place = fc.oneof(
  fc.nat({ max: 70 }).map((block) => block * blockBytes),
  fc.nat({ max: 300_000 }),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, 2 ** 32, geometry.dataBytes),
)
const length = fc.oneof(
  fc.nat({ max: 4 }).map((blocks) => blocks * blockBytes),
  fc.nat({ max: 9000 }),
  fc.constantFrom(0, 2 ** 32 - 1, geometry.dataBytes),
)
const text = fc.oneof(
  fc.json().map((json) => Buffer.from(json)),
  fc.constant(Buffer.from(JSON.stringify({ generations: noGenerations }))),
  fc
    .constantFrom(null, '1'.repeat(16), '3'.repeat(16))
    .map((current) =>
      Buffer.from(
        JSON.stringify({ ...known, ...geometry, session: 'theirs', generations: { ...noGenerations, current } }),
      ),
    ),
)
const anyFrame: fc.Arbitrary<Frame> = fc
  .record({
    kind: fc.constantFrom(...kinds),
    at: place,
    length,
    epoch: fc.constantFrom(0, 3, 4, 2 ** 40),
    generation: fc.constantFrom(null, generation, dataGeneration('2'.repeat(16))),
    sequence: fc.nat({ max: 100 }),
    isResync: fc.boolean(),
    mayUnmap: fc.boolean(),
    payload: fc.oneof(fc.uint8Array({ maxLength: 60 }), text),
  })
  // A write has as many bytes as it says: others do not get through the reader.
  .map(({ kind, ...rest }) =>
    kind === 'write' && rest.length <= 16_384
      ? frame(kind, { ...rest, payload: new Uint8Array(rest.length).fill(9) })
      : frame(kind, { ...rest, ...(kind === 'write' ? { length: rest.payload.length } : {}) }),
  )

const withActive = (frames: readonly Frame[]): void => {
  const { disk, outside } = watched()
  const world = new VirtualWorld()
  const side = new ActiveSide(sideOn(disk), {
    clock: world.clock,
    authority: {
      breakMirror: async () => 'recorded',
      detachMirror: async () => 'recorded',
      joinMirror: async () => 'recorded',
    },
    newGeneration: () => generation,
    me: 'alpha',
    peer: 'beta',
    epoch: 5,
    recorded: generation,
    mode: 'sync',
    limits: defaultActiveLimits,
    changed: () => undefined,
  })
  side.linkUp(heard().link)
  for (const one of frames) side.received(one)
  side.stop('the end')
  assert.deepEqual(outside, [])
}

const withStandby = (frames: readonly Frame[]): void => {
  const { disk, outside } = watched()
  const { link, frames: answers } = heard()
  const side = new Standby(sideOn(disk))
  side.linkUp(link)
  for (const one of frames) side.received(one)
  side.paused()
  assert.deepEqual(outside, [])
  for (const { kind, payload } of answers) if (kind === 'refused') assert.ok(payload.length > 0, 'it says why')
}

const nbdRequest = fc
  .record({
    kind: fc.nat({ max: 8 }),
    flags: fc.oneof(fc.constantFrom(0, 1, 2, 3), fc.nat({ max: 65_535 })),
    at: place,
    length: fc.oneof(
      length.filter((bytes) => bytes <= geometry.dataBytes),
      fc.constant(0),
    ),
  })
  .map(({ kind, flags, at, length: bytes }) => {
    const request = Buffer.alloc(28 + (kind === 1 ? bytes : 0))
    request.writeUInt32BE(0x25609513, 0)
    request.writeUInt16BE(flags, 4)
    request.writeUInt16BE(kind, 6)
    request.writeBigUInt64BE(BigInt(at), 16)
    request.writeUInt32BE(bytes, 24)
    return request
  })

const asClient = (said: readonly Uint8Array[]): void => {
  const { disk, outside } = watched()
  let isOver = false
  const client = new Transmission(
    { engine: plainEngine(disk), description: 'a disk', readOnly: false },
    { send: (_, written) => written?.(), ready: () => undefined, end: () => (isOver = true) },
  )
  for (const bytes of said) if (!isOver) client.receive(Buffer.from(bytes))
  assert.deepEqual(outside, [])
}

const pristine = Uint8Array.from(metadata().content)
/** It is refused in words, or it is the partition that it was; marks that cannot be read count as set. */
const isOpened = (bytes: Uint8Array): void => {
  const disk = new SimulatedDisk(pristine.length)
  disk.damage(0, bytes.subarray(0, pristine.length))
  const opened = ClusterPartition.open(disk)
  if (opened.is === 'unusable') {
    assert.ok(opened.because.length > 0)
    return
  }
  assert.deepEqual(opened.partition.geometry, geometry)
  assert.ok(opened.partition.dirty.marks.count <= 64)
  opened.partition.save({ ...opened.partition.state, epoch: 9 })
  const again = ClusterPartition.open(disk)
  assert.ok(again.is === 'usable' && again.partition.state.epoch === 9)
}

export const mirrorTargets: readonly Target[] = [
  target('a mirror disk takes any NBD requests', fc.array(fc.oneof(nbdRequest, noise), { maxLength: 12 }), asClient),
  target('the side that follows takes any frames', fc.array(anyFrame, { maxLength: 12 }), withStandby),
  target('the side that serves takes any frames', fc.array(anyFrame, { maxLength: 12 }), withActive),
  target(
    'frames that came damaged are none, or what they were',
    fc.tuple(fc.array(anyFrame, { minLength: 1, maxLength: 4 }), damage),
    ([frames, harm]) => {
      const { bytes } = encodeFrames(frames, false)
      const read: Frame[] = []
      const reader = new FrameReader(
        (one) => read.push(one),
        () => 65_536,
      )
      reader.receive(harm(bytes))
      for (const one of read)
        assert.ok(
          frames.some(({ kind, at, sequence }) => kind === one.kind && at === one.at && sequence === one.sequence),
        )
    },
  ),
  target('a cluster partition with any damage', fc.tuple(fc.array(damage, { minLength: 1, maxLength: 2 })), ([harms]) =>
    isOpened(harms.reduce<Uint8Array>((bytes, harm) => (bytes.length > 1 ? harm(bytes) : bytes), pristine)),
  ),
]
