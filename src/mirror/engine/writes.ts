/** What is being written: marked, numbered, sent, done here, and waiting for the other side. */
import type { Clock } from '../../world/world.ts'
import { performInBatches } from '../batches.ts'
import { DiskTrouble } from '../disk.ts'
import type { BlockRequest, ReadRequest, WriteRequest } from '../engine-interface.ts'
import { type Frame, frame } from '../peer/frame.ts'
import { applyTo } from '../plain-engine.ts'
import type { PairState } from './authority.ts'
import { type Begun, InFlight } from './in-flight.ts'
import { Intents, indexesIn, type Range } from './intents.ts'
import { type Change, framesOf, framesOfCopy, isChange, lengthOf, withoutFua } from './outgoing.ts'
import type { Side } from './standby.ts'
import type { Statistics } from './statistics.ts'
import type { Touched } from './touched.ts'

export type WritesPort = {
  readonly clock: Clock
  readonly side: Side
  /** Of the ownership under which this side serves. */
  readonly epoch: number
  readonly mode: 'sync' | 'async'
  readonly pair: () => PairState
  /** The log is being asked whether this side may go on alone. */
  readonly isBreaking: () => boolean
  /** This side's own disks are in use. */
  readonly isAttached: () => boolean
  /** They fail: true when it goes on without them. */
  readonly detach: (trouble: DiskTrouble) => boolean
  readonly touched: Touched
  readonly statistics: Statistics
  /** The local disk does not read this, or is not used any more: whoever takes it settles it. Called after everything before it was sent. */
  readonly unreadable: (read: ReadRequest, trouble: DiskTrouble | null) => void
  /** These ranges are written now. */
  readonly writing: (ranges: readonly Range[]) => void
  /** This is zeros here, and will be on the other side before anything that is sent from now on is done there. */
  readonly zeroed: (range: Range) => void
  readonly send: (frames: readonly Frame[]) => void
}

export class Writes {
  readonly intents: Intents
  readonly inFlight = new InFlight()
  readonly #port: WritesPort
  #sequence = 0
  #isFlushing = false
  /** Reads of this burst that somebody else settles. */
  #elsewhere = new Set<BlockRequest>()

  constructor(port: WritesPort) {
    this.#port = port
    this.intents = new Intents(port.side.partition)
  }

  /** Of the last frame that was numbered. */
  get sequence(): number {
    return this.#sequence
  }

  /** Marks, sends, writes; nothing is settled here. @throws DiskTrouble: nothing was sent, or this side has to end */
  readonly perform = (burst: readonly BlockRequest[]): readonly Begun[] => {
    this.#port.statistics.requests.set(this.inFlight.waiting + burst.length)
    const changes = burst.filter(isChange)
    const frames: Frame[] = []
    const begun = changes.map((one) => this.#begin(one, frames))
    const ranges = changes.map((one) => ({ at: one.at, length: lengthOf(one) }))
    if (ranges.length > 0 && this.#port.isAttached()) this.intents.begin(ranges, this.#sequence)
    for (const range of ranges) this.#port.touched.add(range)
    for (const one of changes) if (one.do !== 'trim') this.#port.statistics.writtenBytes += lengthOf(one)
    this.#port.writing(ranges)
    if (this.#port.pair() === 'alone') for (const range of ranges) this.#addDirty(range)
    const flushers = burst.filter((one) => one.do === 'flush' || (one.do !== 'read' && one.fua))
    if (flushers.length > 0 || this.#needsOwnFlush()) {
      const settles = flushers.map(({ settle }) => settle)
      begun.push(this.#entry({ kind: 'flush', at: 0, length: 0, mayUnmap: false, settles }, [frame('flush')], frames))
    }
    if (this.replicates()) {
      const now = this.#port.clock.now()
      for (const one of begun) one.sentAt = now
      this.#port.send(frames)
    }
    const { data } = this.#port.side
    this.#elsewhere.clear()
    // One flush for all of them follows.
    const transfers = burst.filter((one) => one.do !== 'flush')
    const alone = (one: BlockRequest): void => this.#here(() => applyTo(data, withoutFua(one)))
    performInBatches(transfers, { transfer: this.#transfer, alone })
    for (const one of changes)
      if (one.do !== 'write' && this.replicates()) this.#port.zeroed({ at: one.at, length: one.length })
    if (begun.at(-1)?.kind === 'flush') this.#here(data.flush)
    return begun
  }

  /** Local is done: what need not wait for the other side is settled. @throws DiskTrouble */
  readonly took = (burst: readonly BlockRequest[], begun: readonly Begun[]): void => {
    for (const one of burst) if (one.do === 'read' && !this.#elsewhere.has(one)) one.settle(null)
    const isAlone = this.#port.pair() === 'alone'
    const isQueued = this.#port.mode === 'async' && !this.#port.isBreaking() && this.#port.isAttached()
    const isDone = isAlone || isQueued
    for (const one of begun) {
      if (!isAlone) this.inFlight.add(isDone ? { ...one, settles: [] } : one)
      if (isDone) for (const settle of one.settles) settle(null)
    }
    this.measure()
    if (isAlone && this.intents.wantFlush()) this.intents.coverByDirty()
  }

  /** Settled once both sides have flushed what was written so far, in asynchronous mode too; or once nobody waits. @throws DiskTrouble */
  readonly drain = (settle: BlockRequest['settle']): void => {
    const frames: Frame[] = []
    const what = { kind: 'flush', at: 0, length: 0, mayUnmap: false, settles: [settle] } as const
    this.inFlight.add(this.#entry(what, [frame('flush')], frames))
    this.#port.send(frames)
    this.#here(this.#port.side.data.flush)
  }

  /** Both sides have flushed everything, and nobody writes any more: this copy says so, unless something is marked. @throws DiskTrouble */
  readonly tidyUp = (): void => {
    const { partition } = this.#port.side
    if (this.inFlight.count > 0 || partition.dirty.marks.count > 0) return
    this.intents.tidyUp()
    // Durable only after the marks are gone: until then this copy was active, and is doubted.
    if (partition.intent.marks.count === 0) partition.save({ ...partition.state, role: 'idle' })
  }

  /** The burst could not be performed. */
  readonly failed = (burst: readonly BlockRequest[]): void => {
    for (const one of burst) if (!this.#elsewhere.has(one)) one.settle('EIO')
  }

  /** On this side's disks, unless they are given up. @throws DiskTrouble */
  readonly #here = (run: () => void): void => {
    if (!this.#port.isAttached()) return
    try {
      run()
    } catch (error) {
      if (!(error instanceof DiskTrouble) || !this.#port.detach(error)) throw error
    }
  }

  /** @throws DiskTrouble */
  readonly #transfer = (requests: readonly (ReadRequest | WriteRequest)[]): void => {
    const isHere = this.#port.isAttached()
    const outcomes = isHere ? this.#port.side.data.transfer(requests) : []
    requests.forEach((one, index) => {
      const trouble = outcomes[index] ?? null
      if (one.do === 'write') {
        if (trouble !== null && this.#port.isAttached() && !this.#port.detach(trouble)) throw trouble
      } else if (isHere && trouble === null) this.#port.statistics.readBytes += one.into.length
      else {
        this.#elsewhere.add(one)
        this.#port.unreadable(one, trouble)
      }
    })
  }

  /** How much the other side lacks, and how much is under way. */
  readonly measure = (): void => {
    const { statistics, side, pair, isAttached } = this.#port
    const { dirty, geometry } = side.partition
    // Once this side has given up its own disks the marks are what it lacks itself; once it has stopped it lags behind nobody.
    const marked = isAttached() && pair() !== 'stopped' ? dirty.marks.count : 0
    statistics.queue.set(this.inFlight.count)
    statistics.requests.set(this.inFlight.waiting)
    statistics.behindBytes.set(this.inFlight.bytes + marked * geometry.blockBytes)
  }

  readonly replicates = (): boolean =>
    this.#port.pair() === 'paired' || this.#port.pair() === 'resyncing' || !this.#port.isAttached()

  /** The other side has done everything up to this one. */
  readonly acknowledged = (sequence: number): void => {
    const now = this.#port.clock.now()
    const { statistics, mode } = this.#port
    for (const { kind, sequence: own, settles, beganAt, sentAt } of this.inFlight.take(sequence)) {
      statistics.acknowledge.add(now - sentAt)
      statistics.synchronize.add(now - (mode === 'async' ? beganAt : sentAt))
      this.#isFlushing &&= kind !== 'flush'
      if (kind === 'flush') this.intents.flushed(own)
      for (const settle of settles) settle(null)
    }
    this.measure()
  }

  /** What was in flight over a connection that was lost, as it is on disk by now. @throws DiskTrouble */
  readonly again = (): readonly Frame[] => {
    const frames: Frame[] = []
    for (const one of this.inFlight.all()) {
      for (const copy of framesOfCopy(one, this.#port.side.data)) frames.push(this.numbered(copy))
      one.sequence = this.#sequence
      // A flush that was sent before the write must not pass for one after it.
      if (one.kind !== 'flush' && this.#port.isAttached()) this.intents.begin([one], one.sequence)
      one.sentAt = this.#port.clock.now()
    }
    this.#isFlushing = false
    return frames
  }

  /** Under the next number, which it answers. */
  readonly send = (one: Frame): number => {
    this.#port.send([this.numbered(one)])
    return this.#sequence
  }

  readonly numbered = (one: Frame): Frame => {
    this.#sequence += 1
    const generation = this.#port.side.partition.state.generations.current
    return { ...one, sequence: this.#sequence, epoch: this.#port.epoch, generation }
  }

  /** Nobody flushes, and more and more would have to be copied after a crash. One at a time. */
  readonly #needsOwnFlush = (): boolean => {
    if (!this.replicates() || !this.#port.isAttached() || !this.intents.wantFlush() || this.#isFlushing) return false
    this.#isFlushing = true
    return true
  }

  readonly #begin = (one: Change, frames: Frame[]): Begun => {
    const mayUnmap = one.do === 'trim' || (one.do === 'zero' && one.mayUnmap)
    // With FUA it is settled by the flush that follows.
    const settles = one.fua ? [] : [one.settle]
    const what = { kind: one.do, at: one.at, length: lengthOf(one), mayUnmap, settles }
    const isKept = one.do === 'write' && !this.#port.isAttached()
    const kept = isKept ? { ...what, bytes: Uint8Array.from(one.bytes) } : what
    return this.#entry(kept, framesOf(one), frames)
  }

  readonly #entry = (
    what: Omit<Begun, 'sequence' | 'beganAt' | 'sentAt'>,
    own: readonly Frame[],
    frames: Frame[],
  ): Begun => {
    for (const one of own) frames.push(this.numbered(one))
    const now = this.#port.clock.now()
    return { ...what, sequence: this.#sequence, beganAt: now, sentAt: now }
  }

  readonly #addDirty = (range: Range): void => {
    const { partition } = this.#port.side
    for (const block of indexesIn(range, partition.geometry.blockBytes)) partition.dirty.add(block)
  }
}
