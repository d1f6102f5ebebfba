/** What a data plane has counted, as its agent reads it. */
import { z } from 'zod'
import type { ToldStatistics } from '../engine/statistics.ts'

const count = z.number().min(0)
const level = z.object({ current: count, highest: count, highestOfSample: count })
const duration = level.extend({ count, sumMs: count })
const nothing = { current: 0, highest: 0, highestOfSample: 0 }

/** What an older data plane does not count is 0. */
export const toldStatistics = z.object({
  writtenBytes: count,
  readBytes: count,
  diskWrittenBytes: count,
  diskReadBytes: count,
  diskErrors: count,
  badBlocks: count.default(0),
  repairedBlocks: count.default(0),
  sentBytes: count,
  payloadBytes: count,
  compressedBytes: count,
  acknowledge: duration,
  synchronize: duration.default({ ...nothing, count: 0, sumMs: 0 }),
  resyncAcknowledge: duration,
  roundTripMs: level,
  behindBytes: level,
  queue: level,
  requests: level.default(nothing),
}) satisfies z.ZodType<ToldStatistics>
