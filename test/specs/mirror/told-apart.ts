/** Statistics in which no two numbers are equal: one that is told as another is seen. */
import type { MountTimes } from '../../../src/agents/mirror/statistics-rows.ts'
import { Statistics, type ToldLevel, type ToldStatistics } from '../../../src/mirror/engine/statistics.ts'

const mib = 1_048_576
const kib = 1024

/** The engine itself cannot have one whose highest value is its lowest; whoever takes one for another is seen. */
const apart = (tens: number, unit = 1): ToldLevel => ({
  highest: (tens + 1) * unit,
  highestOfSample: (tens + 2) * unit,
  current: (tens + 3) * unit,
})

/** `before` has half of what only grows. */
export const everyCounter = (): { readonly now: ToldStatistics; readonly before: ToldStatistics } => {
  const now: ToldStatistics = {
    writtenBytes: 20 * mib,
    readBytes: 40 * mib,
    diskWrittenBytes: 60 * mib,
    diskReadBytes: 80 * mib,
    diskErrors: 3,
    badBlocks: 5,
    repairedBlocks: 7,
    sentBytes: 100 * kib,
    payloadBytes: 80_000,
    compressedBytes: 60_000,
    synchronize: { ...apart(2100), highestOfSample: 2200, count: 4, sumMs: 6000 },
    acknowledge: { highest: 31, highestOfSample: 33, current: 32, count: 6, sumMs: 1200 },
    resyncAcknowledge: { ...apart(40), count: 8, sumMs: 2400 },
    behindBytes: { highest: 51 * mib, highestOfSample: 53 * mib, current: 52 * mib },
    queue: apart(60),
    requests: apart(70),
    roundTripMs: apart(80, 100),
  }
  const half = (whole: number): number => whole / 2
  const before: ToldStatistics = {
    ...new Statistics().told(),
    writtenBytes: half(now.writtenBytes),
    readBytes: half(now.readBytes),
    diskWrittenBytes: half(now.diskWrittenBytes),
    diskReadBytes: half(now.diskReadBytes),
    sentBytes: half(now.sentBytes),
    payloadBytes: half(now.payloadBytes),
    compressedBytes: half(now.compressedBytes),
    synchronize: { ...now.synchronize, count: half(now.synchronize.count), sumMs: half(now.synchronize.sumMs) },
  }
  return { now, before }
}

export const everyMountTime: MountTimes = {
  unmount: { highest: 9100, current: 9200 },
  fsck: { highest: 9300, current: 9400 },
}
