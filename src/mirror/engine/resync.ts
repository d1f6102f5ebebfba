/** Copies what the other side lacks, in the background, over the same ordered connection as the writes themselves. */
import type { Cancel, Clock } from '../../world/world.ts'
import { alignedBytes } from '../aligned-memory.ts'
import type { ClusterPartition } from '../cluster-partition.ts'
import { type Disk, DiskTrouble } from '../disk.ts'
import { type Frame, frame, maxPayloadBytes } from '../peer/frame.ts'
import { type Begin, encodeMessage } from '../peer/messages.ts'
import type { Range } from './intents.ts'
import type { Duration } from './statistics.ts'

export type ResyncPort = {
  readonly clock: Clock
  readonly partition: ClusterPartition
  readonly data: Disk
  /** Sends under the next number, which it answers. */
  readonly send: (one: Frame) => number
  /** What is copied, and under which name. */
  readonly begin: Begin
  /** Both sides have flushed what was copied so far: nothing may say so before this has returned. @throws DiskTrouble */
  readonly flushed: () => void
  /** The other side has everything, and both sides have flushed all that was written under a number below this one. */
  readonly finished: (flushedBelow: number) => void
  /** A block here cannot be read. It stays marked, and everything else is copied. */
  readonly unreadable: (trouble: DiskTrouble) => void
  /** Nothing is left but such blocks: the other side is not what it was to be. Whoever uses them writes them anew one day. */
  readonly incomplete: (because: string) => void
  /** From sending to acknowledgement. */
  readonly times: Duration
  /** Runs it; trouble with a disk ends the service. */
  readonly guard: (run: () => void) => void
}
export type ResyncLimits = {
  /** Copied, and not yet acknowledged: more would make writes wait behind them. */
  readonly windowBytes: number
  /** Null: as fast as the window lets it. */
  readonly bytesPerSecond: number | null
  /** What is copied counts only once it was flushed there; so much may have to be copied again after a break. */
  readonly flushEveryBytes: number
}
export const defaultResyncLimits: ResyncLimits = {
  windowBytes: 4_194_304,
  bytesPerSecond: null,
  flushEveryBytes: 67_108_864,
}

const zeros = new Uint8Array(maxPayloadBytes)

type Copied = {
  readonly sentAt: number
  readonly sequence: number
  readonly first: number
  readonly count: number
  readonly bytes: number
}

/**
 * A block is read and sent in one step, in the order of the writes: a write before is in it, a write after overtakes
 * nothing. So no region needs a lock, and nobody waits for the resync but in the queue of the connection.
 */
export class Resync {
  readonly #port: ResyncPort
  readonly #limits: ResyncLimits
  /** What is sent may be overwritten afterwards. */
  readonly #chunk = alignedBytes(maxPayloadBytes)
  #cursor = 0
  readonly #unread = new Set<number>()
  /** Below it each block is read by itself: one of them cannot be read, and a disk takes seconds to say so. */
  #singlyBelow = 0
  #underWay: Copied[] = []
  #arrived: Copied[] = []
  #windowBytes = 0
  #sinceFlush = 0
  #flushSequence: number | null = null
  #paused: Cancel | null = null
  isOver = false
  #doneBytes = 0
  #totalBytes = 0
  #beginSequence = Number.POSITIVE_INFINITY
  #isBegun = false

  constructor(port: ResyncPort, limits: ResyncLimits) {
    this.#port = port
    this.#limits = limits
  }

  /** The other side has saved under which name it is brought up. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /** `doneBytes`: the other side has them durably. */
  get progress(): { readonly doneBytes: number; readonly totalBytes: number } {
    return { doneBytes: this.#doneBytes, totalBytes: this.#totalBytes }
  }

  readonly start = (): void => {
    this.#totalBytes = this.#leftBytes()
    this.#beginSequence = this.#port.send(frame('resync-begin', { payload: encodeMessage(this.#port.begin) }))
    this.#pump()
  }

  /** More was marked, maybe where this has been already. */
  readonly again = (): void => {
    this.#cursor = 0
    this.#unread.clear()
    this.#singlyBelow = 0
    this.#totalBytes = this.#doneBytes + this.#leftBytes()
    this.#pump()
  }

  /**
   * Made zeros on both sides by somebody else: whole blocks of it need not be copied. What was sent for it is in the
   * intent map until both have flushed it, as any write is, so a block need not stay dirty for that.
   */
  readonly zeroed = ({ at, length }: Range): void => {
    const { geometry, dirty } = this.#port.partition
    const { blockBytes, dataBytes } = geometry
    const end = at + length
    const past = end === dataBytes ? dirty.marks.length : Math.floor(end / blockBytes)
    for (let block = dirty.marks.next(Math.ceil(at / blockBytes)); block >= 0 && block < past; ) {
      this.#totalBytes -= this.#clean(block)
      block = dirty.marks.next(block + 1)
    }
  }

  readonly stop = (): void => {
    this.isOver = true
    this.#paused?.()
  }

  readonly acknowledged = (sequence: number): void => {
    if (sequence >= this.#beginSequence) this.#isBegun = true
    if (this.isOver) return
    const arrived = this.#underWay.filter((one) => one.sequence <= sequence)
    this.#underWay = this.#underWay.slice(arrived.length)
    this.#arrived.push(...arrived)
    const now = this.#port.clock.now()
    for (const { bytes, sentAt } of arrived) {
      this.#windowBytes -= bytes
      this.#port.times.add(now - sentAt)
    }
    if (this.#flushSequence !== null && this.#flushSequence <= sequence) this.#flushed(this.#flushSequence)
    this.#pump()
  }

  readonly #flushed = (sequence: number): void => {
    this.#flushSequence = null
    const { dirty } = this.#port.partition
    this.#port.flushed()
    for (const { first, count } of this.#arrived.filter((one) => one.sequence < sequence))
      for (let block = first; block < first + count; block++) this.#doneBytes += this.#clean(block)
    this.#arrived = this.#arrived.filter((one) => one.sequence >= sequence)
    // Else a side that is started anew would begin anew.
    dirty.store()
    const { count } = dirty.marks
    const mayBeCopied = count > this.#unreadCount || this.#underWay.length + this.#arrived.length > 0
    if (count > 0 && mayBeCopied) return
    this.isOver = true
    if (count === 0) this.#port.finished(sequence)
    else this.#port.incomplete(`the local disk does not read ${count} of the blocks that differ`)
  }

  get #unreadCount(): number {
    const { marks } = this.#port.partition.dirty
    return [...this.#unread].filter((block) => marks.has(block)).length
  }

  /** Nothing is left to be copied of it; so many bytes were. */
  readonly #clean = (block: number): number => {
    const { geometry, dirty } = this.#port.partition
    if (!dirty.marks.has(block)) return 0
    dirty.remove(block)
    return Math.min(geometry.blockBytes, geometry.dataBytes - block * geometry.blockBytes)
  }

  readonly #leftBytes = (): number => {
    const { geometry, dirty } = this.#port.partition
    return Math.min(dirty.marks.count * geometry.blockBytes, geometry.dataBytes)
  }

  readonly #pump = (): void => {
    while (!this.isOver && this.#paused === null && this.#windowBytes < this.#limits.windowBytes) {
      const first = this.#port.partition.dirty.marks.next(this.#cursor)
      if (first < 0) {
        this.#flush()
        return
      }
      this.#copy(first)
      if (this.#sinceFlush >= this.#limits.flushEveryBytes) this.#flush()
    }
  }

  /** One at a time; at the end of the pass again, for what came after. */
  readonly #flush = (): void => {
    if (this.#flushSequence !== null) return
    this.#sinceFlush = 0
    this.#flushSequence = this.#port.send(frame('flush', { isResync: true }))
    // Both sides: what is here in a cache only would be missed by nobody after a power cut.
    this.#port.data.flush()
  }

  readonly #copy = (first: number): void => {
    const { dirty, geometry } = this.#port.partition
    const most = first < this.#singlyBelow ? 1 : Math.floor(maxPayloadBytes / geometry.blockBytes)
    let count = 1
    while (count < most && dirty.marks.next(first + count) === first + count) count += 1
    if (!this.#copied(first, count) && count > 1) this.#singlyBelow = first + count
  }

  /** False: it cannot all be read. */
  readonly #copied = (first: number, count: number): boolean => {
    const { partition, data, send } = this.#port
    const { blockBytes, dataBytes } = partition.geometry
    const at = first * blockBytes
    const bytes = Math.min(count * blockBytes, dataBytes - at)
    let sequence = 0
    for (let done = 0; done < bytes; done += maxPayloadBytes) {
      const payload = this.#chunk.subarray(0, Math.min(maxPayloadBytes, bytes - done))
      try {
        data.read(at + done, payload)
      } catch (trouble) {
        if (!(trouble instanceof DiskTrouble) || trouble.place?.operation !== 'read') throw trouble
        if (count === 1) this.#skip(first, trouble)
        return false
      }
      const range = { at: at + done, length: payload.length, isResync: true }
      // What was never used need not travel; it reads as zeros there too, whatever was there before.
      const isZero = Buffer.compare(payload, zeros.subarray(0, payload.length)) === 0
      sequence = send(isZero ? frame('trim', { ...range, mayUnmap: true }) : frame('write', { ...range, payload }))
    }
    this.#cursor = first + count
    this.#underWay.push({ sentAt: this.#port.clock.now(), sequence, first, count, bytes })
    this.#windowBytes += bytes
    this.#sinceFlush += bytes
    this.#throttle(bytes)
    return true
  }

  readonly #skip = (block: number, trouble: DiskTrouble): void => {
    this.#cursor = block + 1
    this.#unread.add(block)
    this.#port.unreadable(trouble)
  }

  readonly #throttle = (bytes: number): void => {
    const { bytesPerSecond } = this.#limits
    if (bytesPerSecond === null) return
    this.#paused = this.#port.clock.after((bytes / bytesPerSecond) * 1000, () => {
      this.#paused = null
      this.#port.guard(this.#pump)
    })
  }
}
