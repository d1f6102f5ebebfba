/** What a data plane counts (D12). Totals only grow; a highest value is kept since the start and since the last sample. */
import type { Disk } from '../disk.ts'
import type { LinkStatistics } from '../peer/link.ts'
import { badBlockBytes } from './bad-blocks.ts'
import type { ReportListener } from './report.ts'

/** A value now, its highest since the start, and since the last sample. */
export class Level {
  current = 0
  highest = 0
  highestOfSample = 0

  readonly set = (value: number): void => {
    this.current = value
    if (value > this.highest) this.highest = value
    if (value > this.highestOfSample) this.highestOfSample = value
  }

  readonly sampled = (): void => {
    this.highestOfSample = this.current
  }
}

/** How long something takes, in milliseconds. */
export class Duration {
  readonly level = new Level()
  count = 0
  sumMs = 0

  readonly add = (ms: number): void => {
    this.level.set(ms)
    this.count += 1
    this.sumMs += ms
  }

  /** The next sample's highest is of what it sees itself. */
  readonly sampled = (): void => {
    this.level.highestOfSample = 0
  }
}

export class Statistics {
  /** By whoever uses the mirror disk; what is discarded is not written. */
  writtenBytes = 0
  readBytes = 0
  /** On the data partition, the resync's included. */
  diskWrittenBytes = 0
  diskReadBytes = 0
  diskErrors = 0
  /** That the data partition did not read, and of those what was written anew with what the other side has. */
  badBlocks = 0
  repairedBlocks = 0
  /** On the mirror connect, frames included; and what the payload was before and after it was compressed. */
  sentBytes = 0
  payloadBytes = 0
  compressedBytes = 0
  /**
   * From sending to acknowledgement, of what was acknowledged: writes, and flushes too. What waits so long for `ackMs` has
   * broken the mirror.
   */
  readonly acknowledge = new Duration()
  /** The same; asynchronously from the moment at which it was taken, and told to be done. */
  readonly synchronize = new Duration()
  readonly resyncAcknowledge = new Duration()
  readonly roundTrip = new Level()
  /** Not yet on the other server. */
  readonly behindBytes = new Level()
  /** Begun and not acknowledged by the other side. */
  readonly queue = new Level()
  /** Asked of the mirror disk and not answered yet. */
  readonly requests = new Level()

  readonly told = (): ToldStatistics => ({
    writtenBytes: this.writtenBytes,
    readBytes: this.readBytes,
    diskWrittenBytes: this.diskWrittenBytes,
    diskReadBytes: this.diskReadBytes,
    diskErrors: this.diskErrors,
    badBlocks: this.badBlocks,
    repairedBlocks: this.repairedBlocks,
    sentBytes: this.sentBytes,
    payloadBytes: this.payloadBytes,
    compressedBytes: this.compressedBytes,
    acknowledge: durationOf(this.acknowledge),
    synchronize: durationOf(this.synchronize),
    resyncAcknowledge: durationOf(this.resyncAcknowledge),
    roundTripMs: levelOf(this.roundTrip),
    behindBytes: levelOf(this.behindBytes),
    queue: levelOf(this.queue),
    requests: levelOf(this.requests),
  })

  /** What a link has counted since the last time is counted here from now on. */
  readonly takeCounts = (counts: LinkStatistics): void => {
    if (counts.roundTripMs !== null) {
      this.roundTrip.set(counts.highestRoundTripMs)
      this.roundTrip.set(counts.roundTripMs)
      counts.highestRoundTripMs = 0
    }
    for (const key of ['sentBytes', 'payloadBytes', 'compressedBytes'] as const) {
      this[key] += counts[key]
      counts[key] = 0
    }
  }

  /** A new sample begins. */
  readonly sampled = (): void => {
    const { acknowledge, synchronize, resyncAcknowledge, roundTrip, behindBytes, queue, requests } = this
    for (const one of [acknowledge, synchronize, resyncAcknowledge, roundTrip, behindBytes, queue, requests])
      one.sampled()
  }
}

export type ToldLevel = { readonly current: number; readonly highest: number; readonly highestOfSample: number }
export type ToldDuration = ToldLevel & { readonly count: number; readonly sumMs: number }
export type ToldStatistics = {
  readonly writtenBytes: number
  readonly readBytes: number
  readonly diskWrittenBytes: number
  readonly diskReadBytes: number
  readonly diskErrors: number
  readonly badBlocks: number
  readonly repairedBlocks: number
  readonly sentBytes: number
  readonly payloadBytes: number
  readonly compressedBytes: number
  readonly acknowledge: ToldDuration
  readonly synchronize: ToldDuration
  readonly resyncAcknowledge: ToldDuration
  readonly roundTripMs: ToldLevel
  readonly behindBytes: ToldLevel
  readonly queue: ToldLevel
  readonly requests: ToldLevel
}

const levelOf = ({ current, highest, highestOfSample }: Level): ToldLevel => ({ current, highest, highestOfSample })
const durationOf = ({ level, count, sumMs }: Duration): ToldDuration => ({ ...levelOf(level), count, sumMs })

/** The same disk, counted. */
export const countedDisk = (disk: Disk, counts: Statistics): Disk => {
  const counted = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      counts.diskErrors += 1
      throw error
    }
  }
  return {
    get size() {
      return disk.size
    },
    measure: disk.measure,
    blockBytes: disk.blockBytes,
    read: (at, into) => {
      counted(() => disk.read(at, into))
      counts.diskReadBytes += into.length
    },
    write: (at, bytes) => {
      counted(() => disk.write(at, bytes))
      counts.diskWrittenBytes += bytes.length
    },
    transfer: (transfers) => {
      const outcomes = disk.transfer(transfers)
      transfers.forEach((one, index) => {
        if (outcomes[index] !== null) counts.diskErrors += 1
        else if (one.do === 'read') counts.diskReadBytes += one.into.length
        else counts.diskWrittenBytes += one.bytes.length
      })
      return outcomes
    },
    flush: () => counted(disk.flush),
    trim: (at, length) => counted(() => disk.trim(at, length)),
    zero: (at, length) => {
      counted(() => disk.zero(at, length))
      counts.diskWrittenBytes += length
    },
    close: disk.close,
  }
}

/** The same listener; what it is told of bad blocks is counted. */
export const countedReports =
  (report: ReportListener, counts: Statistics): ReportListener =>
  (said) => {
    if (said.say === 'trouble' && said.operation === 'read') counts.badBlocks += said.offsets.length
    if (said.say === 'repaired') counts.repairedBlocks += Math.ceil(said.length / badBlockBytes)
    report(said)
  }
