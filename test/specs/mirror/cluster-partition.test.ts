import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ClusterPartition,
  clusterPartitionBytes,
  defaultBlockBytes,
  defaultRegionBytes,
} from '../../../src/mirror/cluster-partition.ts'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { copyName, dataGeneration, mirrorId, noGenerations } from '../../../src/mirror/generations.ts'
import type { Geometry, MirrorState } from '../../../src/mirror/partition/state-record.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'

const mebi = 1_048_576
const geometry: Geometry = {
  mirror: mirrorId('00112233445566778899aabbccddeeff'),
  dataBytes: 400 * mebi,
  blockBytes: 4096,
  regionBytes: 65_536,
}

const generation = (n: number) => dataGeneration((n + 1).toString(16).padStart(16, '0'))
const stateOf = (n: number): MirrorState => ({
  role: n % 2 === 0 ? 'active' : 'standby',
  isConsistent: n % 3 === 0,
  epoch: n,
  boot: `boot-${n}`,
  generations: {
    ...noGenerations,
    current: generation(n),
    base: n % 5 === 0 ? generation(n + 7) : null,
    history: [generation(n + 9)],
  },
  copyOf: n % 7 === 0 ? copyName(generation(n + 11)) : null,
  copyTo: n % 4 === 0 ? { name: copyName(generation(n + 13)), saves: n } : null,
})

const usable = (opened: ReturnType<typeof ClusterPartition.open>): ClusterPartition => {
  if (opened.is === 'unusable') throw new Error(opened.because)
  return opened.partition
}
const formatted = () => {
  const disk = new SimulatedDisk(clusterPartitionBytes(geometry))
  return { disk, partition: usable(ClusterPartition.format(disk, geometry, 77n)) }
}

class PowerCut extends Error {}
/** The power goes at the n-th write or flush from now. */
const cutAfter = (disk: SimulatedDisk, calls: number) => {
  let left = calls
  disk.before = (call) => {
    if (call.do !== 'read' && left-- <= 0) throw new PowerCut()
  }
}

describe('a cluster partition', () => {
  test('remembers state and marks across a power cut', () => {
    const { disk, partition } = formatted()
    partition.save(stateOf(4))
    partition.intent.mark([0, 7, 6399])
    partition.dirty.mark([102_399, 40_000])
    disk.losePower(() => false)
    const again = usable(ClusterPartition.open(disk))
    expect(again.state).toEqual(stateOf(4))
    expect(again.geometry).toEqual(geometry)
    expect([...again.intent.marks.indexes()]).toEqual([0, 7, 6399])
    expect([...again.dirty.marks.indexes()]).toEqual([40_000, 102_399])
    expect(again.dirty.marks.count).toBe(2)
  })

  test('that could not be flushed counts no save that a power cut may take, and keeps what was durable', () => {
    const { disk, partition } = formatted()
    partition.save(stateOf(4))
    const { saves } = partition
    disk.before = (call) => {
      if (call.do === 'flush') throw new DiskTrouble('/dev/meta', 'flush', 'EIO')
    }
    expect(() => partition.save(stateOf(5))).toThrow('EIO')
    expect([partition.saves, partition.state]).toEqual([saves, stateOf(4)])
    // The next one is torn, and nothing else of the two is there.
    expect(() => partition.save(stateOf(6))).toThrow('EIO')
    let sectors = 0
    disk.losePower(() => sectors++ === 8)
    disk.before = () => undefined
    const again = usable(ClusterPartition.open(disk))
    expect([again.saves, again.state]).toEqual([saves, stateOf(4)])
    partition.save(stateOf(7))
    expect(partition.saves).toBe(saves + 1)
  })

  test('whose marks could not be flushed once keeps those that were durable, whatever a power cut takes of the next', () => {
    const { disk, partition } = formatted()
    partition.intent.mark([3])
    disk.before = (call) => {
      if (call.do === 'flush') throw new DiskTrouble('/dev/meta', 'flush', 'EIO')
    }
    for (const region of [4, 5]) expect(() => partition.intent.mark([region])).toThrow('EIO')
    // The second attempt is torn, and nothing is there of the first.
    let sectors = 0
    disk.losePower(() => sectors++ === 8)
    disk.before = () => undefined
    const again = usable(ClusterPartition.open(disk))
    expect(again.intent.marks.has(3)).toBe(true)
  })

  test('is refused with blocks that a resync could not send in one piece, or more of them than a bitmap holds', () => {
    const madeOf = (one: Partial<Geometry>) =>
      ClusterPartition.format(new SimulatedDisk(4096), { ...geometry, ...one }, 1n)
    expect(madeOf({ blockBytes: 2 ** 21 })).toMatchObject({ because: expect.stringContaining('to 1048576') })
    const tooMany = { dataBytes: 2 ** 43, blockBytes: 4096 }
    expect(madeOf(tooMany)).toMatchObject({ because: expect.stringContaining('choose larger blocks') })
  })

  test('writes a mark once, and one that was taken back but is still on disk not at all', () => {
    const { disk, partition } = formatted()
    partition.intent.mark([5])
    const calls: string[] = []
    disk.before = (call) => calls.push(call.do)
    partition.intent.mark([5])
    partition.intent.remove(5)
    partition.intent.mark([5])
    expect(calls).toEqual([])
    partition.intent.mark([6])
    expect(calls).toEqual(['write', 'flush'])
  })

  test('takes as little as the table in docs/mirror-formats.md says', () => {
    const bytes = (dataBytes: number) =>
      clusterPartitionBytes({ ...geometry, dataBytes, blockBytes: defaultBlockBytes, regionBytes: defaultRegionBytes })
    expect(bytes(10 * 1024 * mebi) / 1024).toBeLessThanOrEqual(192)
    expect(bytes(mebi * mebi) / mebi).toBeCloseTo(4.3, 1)
    expect(bytes(16 * mebi * mebi) / mebi).toBeCloseTo(66.6, 0)
  })

  test('is refused, with what it needs, where there is no room', () => {
    const opened = ClusterPartition.format(new SimulatedDisk(mebi / 8), geometry, 1n)
    expect(opened).toMatchObject({ is: 'unusable', because: expect.stringMatching(/131072 bytes, \d+ are needed/) })
  })

  test('was formatted only half when the power went: it is not used, whatever was there before', () => {
    for (let calls = 0; calls < 18; calls++) {
      const { disk, partition } = formatted()
      partition.save(stateOf(8))
      partition.dirty.mark([1])
      cutAfter(disk, calls)
      expect(() => ClusterPartition.format(disk, geometry, 78n)).toThrow(PowerCut)
      disk.before = () => undefined
      disk.losePower(() => calls % 2 === 0)
      const opened = ClusterPartition.open(disk)
      if (opened.is === 'usable' && opened.partition.state.epoch === 8)
        expect(opened.partition.dirty.marks.has(1)).toBe(true)
    }
  })
})

type Step =
  | { readonly do: 'grow'; readonly byMiB: number }
  | { readonly do: 'save'; readonly n: number }
  | { readonly do: 'mark'; readonly map: 'intent' | 'dirty'; readonly at: readonly number[] }
  | { readonly do: 'clear'; readonly map: 'intent' | 'dirty'; readonly at: readonly number[] }
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('grow' as const), byMiB: fc.nat(100) }),
  fc.record({ do: fc.constant('save' as const), n: fc.nat(1000) }),
  fc.record({
    do: fc.constantFrom('mark' as const, 'clear' as const),
    map: fc.constantFrom('intent' as const, 'dirty' as const),
    // Two pages of the dirty bitmap, so that one store writes both.
    at: fc.array(fc.oneof(fc.nat(20), fc.integer({ min: 32_250, max: 32_270 })), { minLength: 1, maxLength: 4 }),
  }),
)

const restarted = (disk: SimulatedDisk, isKept: Iterator<boolean>): ClusterPartition => {
  disk.before = () => undefined
  disk.losePower(() => isKept.next().value === true)
  return usable(ClusterPartition.open(disk))
}

describe('any power cut', () => {
  test('leaves of each thing what it was before the write under way, or after it', () => {
    const cut = fc.record({ calls: fc.nat(40), kept: fc.infiniteStream(fc.boolean()) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.array(cut, { minLength: 1, maxLength: 3 }), (steps, cuts) => {
        const { disk, partition: first } = formatted()
        disk.enlarge(8 * mebi, 0xcc)
        let partition = first
        let state = partition.state
        let { dataBytes } = geometry
        let grown = dataBytes
        /** What must be marked, and what may be besides. */
        const must = { intent: new Set<number>(), dirty: new Set<number>() }
        const may = { intent: new Set<number>(), dirty: new Set<number>() }
        const perform = (one: Step): void => {
          if (one.do === 'grow') {
            grown = dataBytes + one.byMiB * mebi
            expect(partition.grow(grown)).toBeNull()
            dataBytes = grown
            return
          }
          if (one.do === 'save') {
            partition.save(stateOf(one.n))
            state = stateOf(one.n)
            return
          }
          const at = one.map === 'intent' ? one.at.map((n) => n % 6400) : one.at
          for (const n of at) may[one.map].add(n)
          if (one.do === 'mark') {
            partition[one.map].mark(at)
            for (const n of at) must[one.map].add(n)
          } else {
            for (const n of at) {
              partition[one.map].remove(n)
              must[one.map].delete(n)
            }
            partition[one.map].store()
            for (const n of at) may[one.map].delete(n)
          }
        }
        const expectWhole = (intended: Step | undefined): void => {
          const after = intended?.do === 'save' ? stateOf(intended.n) : state
          expect([state, after]).toContainEqual(partition.state)
          state = partition.state
          expect([dataBytes, grown]).toContain(partition.geometry.dataBytes)
          dataBytes = partition.geometry.dataBytes
          grown = dataBytes
          for (const map of ['intent', 'dirty'] as const) {
            expect(partition[map].damagedPages).toBe(0)
            for (const n of must[map]) expect(partition[map].marks.has(n)).toBe(true)
            for (const n of partition[map].marks.indexes()) expect(may[map].has(n) || must[map].has(n)).toBe(true)
            must[map] = new Set(partition[map].marks.indexes())
          }
        }
        for (const { calls, kept } of cuts) {
          cutAfter(disk, calls)
          let under: Step | undefined
          try {
            for (under of steps) perform(under)
            under = undefined
          } catch (error) {
            expect(error).toBeInstanceOf(PowerCut)
          }
          partition = restarted(disk, kept[Symbol.iterator]())
          expectWhole(under)
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('growth', () => {
  const marked = () => {
    const { disk, partition } = formatted()
    disk.enlarge(mebi, 0xcc)
    partition.save(stateOf(4))
    partition.intent.mark([0, 6399])
    partition.dirty.mark([32_255, 32_256, 102_399])
    return { disk, partition }
  }
  const marksOf = ({ intent, dirty }: ClusterPartition) => [[...intent.marks.indexes()], [...dirty.marks.indexes()]]

  test('takes marks and state along, and marks nothing of what was added', () => {
    const { disk, partition } = marked()
    const { saves } = partition
    expect(partition.grow(900 * mebi)).toBeNull()
    disk.losePower(() => false)
    for (const one of [partition, usable(ClusterPartition.open(disk))]) {
      expect(one.geometry).toEqual({ ...geometry, dataBytes: 900 * mebi })
      expect(one.state).toEqual(stateOf(4))
      expect(one.saves).toBe(saves + 1)
      expect(marksOf(one)).toEqual([
        [0, 6399],
        [32_255, 32_256, 102_399],
      ])
      expect([one.intent.marks.length, one.dirty.marks.length]).toEqual([14_400, 230_400])
    }
    partition.dirty.mark([230_399])
    expect(usable(ClusterPartition.open(disk)).dirty.marks.has(230_399)).toBe(true)
  })

  test('says how large the cluster partition has to be, and is possible in just so much', () => {
    const { disk, partition } = formatted()
    const needed = partition.bytesToGrow(800 * mebi)
    expect(partition.grow(800 * mebi)).toBe(`the cluster partition has ${disk.size} bytes, ${needed} are needed`)
    disk.enlarge(needed - 4096)
    expect(partition.grow(800 * mebi)).toMatch(`${needed} are needed`)
    disk.enlarge(needed)
    expect(partition.grow(800 * mebi)).toBeNull()
    expect(usable(ClusterPartition.open(disk)).geometry.dataBytes).toBe(800 * mebi)
  })

  test('again and again needs no more than its largest step, twice', () => {
    const { disk, partition } = formatted()
    disk.enlarge(partition.bytesToGrow(440 * mebi))
    for (let size = 401; size <= 440; size++) expect(partition.grow(size * mebi)).toBeNull()
  })

  test('does not shrink', () => {
    const { partition } = marked()
    expect(partition.grow(399 * mebi)).toMatch(/does not shrink to 418381824/)
    expect(partition.geometry).toEqual(geometry)
  })

  test('that a power cut ends at any write leaves the one size or the other, with every mark, and can be done again', () => {
    const sizes = new Set<number>()
    let isOver = false
    for (let calls = 0; !isOver; calls++) {
      for (const isKept of [() => false, () => true, (n: number) => n % 3 === 0]) {
        const { disk, partition } = marked()
        cutAfter(disk, calls)
        try {
          partition.grow(500 * mebi)
          isOver = true
        } catch (error) {
          expect(error).toBeInstanceOf(PowerCut)
        }
        disk.before = () => undefined
        let sector = 0
        disk.losePower(() => isKept(sector++))
        const opened = usable(ClusterPartition.open(disk))
        expect(opened.state).toEqual(stateOf(4))
        expect([opened.intent.damagedPages, opened.dirty.damagedPages]).toEqual([0, 0])
        expect(marksOf(opened)).toEqual([
          [0, 6399],
          [32_255, 32_256, 102_399],
        ])
        sizes.add(opened.geometry.dataBytes)
        expect(opened.grow(500 * mebi)).toBeNull()
        expect(usable(ClusterPartition.open(disk)).geometry.dataBytes).toBe(500 * mebi)
      }
    }
    expect(sizes).toEqual(new Set([400 * mebi, 500 * mebi]))
  })
})

describe('any damage', () => {
  test('is found: the partition is refused, or what cannot be read counts as marked', () => {
    const damage = fc.record({ sector: fc.nat(), bytes: fc.uint8Array({ minLength: 512, maxLength: 512 }) })
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 60 }), (damages) => {
        const { disk, partition } = formatted()
        partition.save(stateOf(6))
        partition.dirty.mark([3, 32_257])
        partition.dirty.mark([4])
        for (const { sector, bytes } of damages) disk.damage((sector % (disk.size / 512)) * 512, bytes)
        const opened = ClusterPartition.open(disk)
        if (opened.is === 'unusable') return
        const { geometry: read, state, dirty } = opened.partition
        expect(read).toEqual(geometry)
        expect([stateOf(6), formatted().partition.state]).toContainEqual(state)
        expect([...dirty.marks.indexes()].every((n) => n < 102_400)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('of the last bits of a map makes no mark beyond its end', () => {
    const { disk } = formatted()
    disk.damage(131_072, new Uint8Array(disk.size - 131_072))
    const { intent, dirty } = usable(ClusterPartition.open(disk))
    expect([intent.marks.count, dirty.marks.count]).toEqual([6400, 102_400])
    dirty.store()
    const again = usable(ClusterPartition.open(disk))
    expect(again.dirty.damagedPages).toBe(0)
  })
})
