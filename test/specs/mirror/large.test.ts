import { expect, test } from 'vitest'
import { ClusterPartition, clusterPartitionBytes } from '../../../src/mirror/cluster-partition.ts'
import { Standby } from '../../../src/mirror/engine/standby.ts'
import { mirrorId } from '../../../src/mirror/generations.ts'
import type { Frame } from '../../../src/mirror/peer/frame.ts'
import type { PeerLink } from '../../../src/mirror/peer/link.ts'
import { parseRuns } from '../../../src/mirror/peer/messages.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'

const tebi = 2 ** 40
const geometry = { mirror: mirrorId('0'.repeat(32)), dataBytes: 2 * tebi, blockBytes: 65_536, regionBytes: 2 ** 30 }
const blocks = geometry.dataBytes / geometry.blockBytes

const partitionOf = () => {
  const made = ClusterPartition.format(new SimulatedDisk(clusterPartitionBytes(geometry)), geometry, 1n)
  if (made.is !== 'usable') throw new Error('not formatted')
  return made.partition
}
/** What it says of its marks to a side that it has connected with. */
const marksOf = (partition: ClusterPartition) => {
  const frames: Frame[] = []
  const side = new Standby({ partition, data: new SimulatedDisk(4096), session: 's', boot: 'b' })
  // cast: of a link only this is used here
  side.linkUp({ send: (some: readonly Frame[]) => frames.push(...some) } as unknown as PeerLink)
  expect(frames.at(-1)?.kind).toBe('marks-end')
  return frames.filter(({ kind }) => kind === 'marks').flatMap((one) => parseRuns(one, blocks) ?? [])
}

// More blocks than a set of V8 may have.
test('a side that returns to a mirror of 2 TiB with all of it marked says so', () => {
  const partition = partitionOf()
  partition.dirty.addAll()
  expect(partition.dirty.marks.count).toBe(blocks)
  expect(marksOf(partition)).toEqual([{ first: 0, count: blocks }])
  partition.dirty.clear()
  partition.dirty.store()
  expect([partition.dirty.marks.count, partition.dirty.isStored(blocks - 1)]).toEqual([0, false])
})

test('regions of 1 GiB that were being written are marked, and neighbours are one', () => {
  const partition = partitionOf()
  partition.intent.mark([0, 1, 7, 2047])
  partition.dirty.addRange(40_000, 10)
  const inRegion = geometry.regionBytes / geometry.blockBytes
  expect(marksOf(partition)).toEqual([
    { first: 0, count: 2 * inRegion },
    { first: 40_000, count: 10 },
    { first: 7 * inRegion, count: inRegion },
    { first: 2047 * inRegion, count: inRegion },
  ])
})

test('marks in more places than are worth telling are everything', () => {
  const partition = partitionOf()
  for (let block = 0; block < 2_000_002; block += 2) partition.dirty.add(block)
  expect(marksOf(partition)).toEqual([{ first: 0, count: blocks }])
})
