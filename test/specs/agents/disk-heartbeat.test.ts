import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agreementOf, compactCodec } from '../../../src/agents/heartbeats/compact-beat.ts'
import { diskPath } from '../../../src/agents/heartbeats/disk.ts'
import {
  formatSlot,
  formatSuperblock,
  leastDiskBytes,
  readSlot,
  readSuperblock,
  slotOffset,
} from '../../../src/agents/heartbeats/disk-layout.ts'
import type { Beat } from '../../../src/decisions/liveness.ts'
import type { RawDisk } from '../../../src/world/world.ts'
import { configurationOf, two } from '../configuration/samples.ts'
import { Voter } from '../liveness/voters.ts'
import { VirtualWorld } from '../virtual-world.ts'

const configuration = configurationOf(two.replace('alpha', 's1').replace('beta', 's2').replace('gamma', 'w'))
const key = new Uint8Array(32).fill(7)
const { world } = new VirtualWorld()
const codec = compactCodec(world, agreementOf(configuration), { key, groups: () => [] })
const slotWith = (beat: Beat): Uint8Array => {
  const bytes = codec.encode(beat)
  const slot = 'unfit' in bytes ? null : formatSlot(bytes)
  if (slot === null) throw new Error('unfit')
  return slot
}
const superblock = { cluster: 'test', id: 'abcdefghijklmnopqrstuv' }

/** s1 at a disk, which the spec sees and writes as s2 would. */
const setUp = (first: Uint8Array = formatSuperblock(superblock)) => {
  const virtual = new VirtualWorld()
  const content = Buffer.alloc(leastDiskBytes)
  content.set(first)
  const disk = { opens: 0, calls: 0, atOnce: 0, fails: null as string | null, hangs: null as Promise<void> | null }
  const call = async <T>(does: () => T): Promise<T> => {
    disk.calls += 1
    disk.atOnce += 1
    expect(disk.atOnce).toBe(1)
    await disk.hangs
    disk.atOnce -= 1
    if (disk.fails !== null) throw new Error(disk.fails)
    return does()
  }
  const raw: RawDisk = {
    sizeBytes: leastDiskBytes,
    read: (offset, length) => call(() => Uint8Array.from(content.subarray(offset, offset + length))),
    write: (offset, bytes) => call(() => void content.set(bytes, offset)),
    sync: async () => {},
    close: async () => {},
  }
  const rawDisks = {
    sectorBytes: 4096,
    open: async () => {
      disk.opens += 1
      return raw
    },
  }
  const heard: Beat[] = []
  const said: string[] = []
  const open = (after = Promise.resolve()) =>
    diskPath(
      { clock: virtual.clock, rawDisks },
      {
        device: '/dev/sdx1',
        intervalMs: 300,
        stallMs: 3000,
        cluster: 'test',
        me: 's1',
        owners: ['s1', 's2'],
        codec,
        after,
        parts: {
          hear: (beat) => heard.push(beat),
          suspicious: (what) => said.push(what),
          say: (what, { because = '' }) => said.push(`${what} ${String(because)}`.trim()),
        },
      },
    )
  const { pass, settle } = virtual
  const peer = new Voter('s2')
  const put = (bytes: Uint8Array) => content.set(bytes, slotOffset(1))
  const peerWrites = (): Beat => {
    const beat = peer.beat(virtual.now)
    put(slotWith(beat))
    return beat
  }
  return { open, content, disk, heard, said, pass, settle, peer, put, peerWrites, now: () => virtual.now }
}

describe('a heartbeat disk', () => {
  test('brings each beat once', async () => {
    const { open, pass, peerWrites, heard } = setUp()
    open()
    await pass(300)
    const first = peerWrites()
    await pass(1000)
    const second = peerWrites()
    await pass(1000)
    expect(heard).toEqual([first, second])
  })
  test('is given the newest beat in the slot of its server', async () => {
    const { open, pass, content, now } = setUp()
    const path = open()
    const voter = new Voter('s1')
    path.send(new Uint8Array(), voter.beat(now()))
    const newest = voter.beat(now())
    path.send(new Uint8Array(), newest)
    await pass(1)
    const slot = readSlot(Uint8Array.from(content.subarray(slotOffset(0), slotOffset(1))))
    expect(typeof slot === 'string' ? slot : codec.decode(slot)).toEqual(newest)
  })
  test('of another cluster, or not prepared, is left alone', async () => {
    for (const first of [formatSuperblock({ ...superblock, cluster: 'other' }), new Uint8Array(4096)]) {
      const { open, pass, content, now, said } = setUp(first)
      const before = Uint8Array.from(content)
      open().send(new Uint8Array(), new Voter('s1').beat(now()))
      await pass(20_000)
      expect(Uint8Array.from(content)).toEqual(before)
      expect(said).toEqual([expect.stringMatching(/cannot be used it (belongs to the cluster other|is not prepared)/)])
    }
  })
})

describe('a slot that holds the last beat of a dead server', () => {
  test('is never heard, however often it is read', async () => {
    const { open, pass, peerWrites, heard } = setUp()
    peerWrites()
    open()
    await pass(60_000)
    expect(heard).toEqual([])
  })
  test('is not heard after the reader has restarted, again and again', async () => {
    const { open, pass, peerWrites, heard } = setUp()
    open().close()
    await pass(300)
    peerWrites()
    for (let start = 0; start < 3; start++) {
      const path = open()
      await pass(5000)
      path.close()
      await pass(300)
    }
    expect(heard).toEqual([])
  })
  test('is not heard when it could not be read at first', async () => {
    const { open, pass, put, peer, peerWrites, heard, now } = setUp()
    const old = peer.beat(now())
    const torn = slotWith(old)
    torn[40] = 0xff ^ (torn[40] ?? 0)
    put(torn)
    open()
    await pass(1000)
    put(slotWith(old))
    await pass(1000)
    expect(heard).toEqual([])
    const alive = peerWrites()
    await pass(1000)
    expect(heard).toEqual([alive])
  })
  test('is not heard when the disk was set back to an earlier state', async () => {
    const { open, pass, put, peerWrites, heard, content } = setUp()
    peerWrites()
    const earlier = Uint8Array.from(content.subarray(slotOffset(1), slotOffset(2)))
    peerWrites()
    open()
    await pass(1000)
    put(earlier)
    await pass(1000)
    expect(heard).toEqual([])
  })
})

describe('a slot that is not what it should be', () => {
  test('torn in the middle of a write, is silence, and not worth a word', async () => {
    const { open, pass, put, peerWrites, content, heard, said } = setUp()
    open()
    await pass(300)
    const before = Uint8Array.from(content.subarray(slotOffset(1), slotOffset(2)))
    peerWrites()
    const after = Uint8Array.from(content.subarray(slotOffset(1), slotOffset(2)))
    put(Uint8Array.from([...after.subarray(0, 60), ...before.subarray(60)]))
    await pass(300)
    expect(heard).toEqual([])
    put(after)
    await pass(300)
    expect(heard).toHaveLength(1)
    expect(said).toEqual(['the heartbeat disk is open'])
  })
  test('that stays unreadable, is said', async () => {
    const { open, pass, put, said } = setUp()
    put(new Uint8Array(4096).fill(5))
    open()
    await pass(1000)
    expect(said).toContain('a damaged slot of s2 on disk')
  })
  test('with the beat of another server, is said and not heard', async () => {
    const { open, pass, put, heard, said, now } = setUp()
    open()
    await pass(300)
    put(slotWith(new Voter('w').beat(now())))
    await pass(300)
    expect(heard).toEqual([])
    expect(said).toContain('a beat of w in the slot of s2 on disk')
  })
})

describe('a disk that does not answer', () => {
  test('is asked one thing at a time, said after T, and used again when it answers', async () => {
    const { open, pass, disk, said, peerWrites, heard } = setUp()
    open()
    await pass(300)
    let answer = (): void => {}
    disk.hangs = new Promise((resolve) => {
      answer = resolve
    })
    await pass(60_000)
    const { calls } = disk
    await pass(60_000)
    expect(disk.calls).toBe(calls)
    expect(said.filter((what) => what.includes('stalls'))).toHaveLength(1)
    disk.hangs = null
    answer()
    await pass(300)
    expect(said).toContain('the heartbeat disk answers again')
    const beat = peerWrites()
    await pass(300)
    expect(heard).toEqual([beat])
  })
  test('is opened again after an error, and what was there before it stays old', async () => {
    const { open, pass, disk, said, peerWrites, heard } = setUp()
    open()
    await pass(300)
    const beat = peerWrites()
    await pass(300)
    disk.fails = 'EIO'
    await pass(10_000)
    expect(disk.opens).toBeLessThan(8)
    expect(said.filter((what) => what.includes('failed'))).toEqual([expect.stringContaining('EIO')])
    disk.fails = null
    await pass(5000)
    expect(heard).toEqual([beat])
  })
  test('keeps the next one waiting after it was closed', async () => {
    const { open, pass, disk } = setUp()
    const path = open()
    await pass(300)
    let answer = (): void => {}
    disk.hangs = new Promise((resolve) => {
      answer = resolve
    })
    await pass(300)
    path.close()
    open(path.ended)
    await pass(10_000)
    expect(disk.opens).toBe(1)
    answer()
    await pass(300)
    expect(disk.opens).toBe(2)
  })
})

describe('the layout', () => {
  test('of a superblock comes out as it went in, and damage is seen', () => {
    const bytes = formatSuperblock(superblock)
    expect(readSuperblock(bytes)).toEqual(superblock)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 74 * 8 - 1 }), (bit) => {
        const changed = Uint8Array.from(bytes)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(typeof readSuperblock(changed)).toBe('string')
      }),
    )
  })
  test('of a slot: anything else is damaged or empty, and nothing is thrown', () => {
    expect(readSlot(new Uint8Array(4096))).toBe('empty')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (noise) => {
        readSuperblock(noise)
        const slot = readSlot(noise)
        if (typeof slot !== 'string') expect(slot.length).toBeLessThan(noise.length)
      }),
    )
    expect(formatSlot(new Uint8Array(4091))).toBeNull()
  })
})
