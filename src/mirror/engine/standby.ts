/** The side that follows: does what the active side sends, in order, and says how far it has come. */
import { createHash } from 'node:crypto'
import { Batch } from '../batches.ts'
import { Bitmap } from '../bitmap.ts'
import type { ClusterPartition } from '../cluster-partition.ts'
import { type Disk, DiskTrouble, type Transfer } from '../disk.ts'
import { joined } from '../generations.ts'
import { type Frame, frame, maxPayloadBytes } from '../peer/frame.ts'
import type { PeerLink } from '../peer/link.ts'
import {
  type BlockRun,
  encodeMessage,
  encodeRuns,
  maxRuns,
  mostRuns,
  type PeerState,
  parseBegin,
  parseJoin,
} from '../peer/messages.ts'
import { troubleReport } from './bad-blocks.ts'
import { markedRuns, type Range } from './intents.ts'
import type { ReportListener } from './report.ts'
import { type Touched, TouchedEpochs } from './touched.ts'

export type Side = {
  readonly partition: ClusterPartition
  readonly data: Disk
  /** Random for each start of the process. */
  readonly session: string
  readonly boot: string
}

export const peerStateOf = ({ partition, data, session }: Side): PeerState => ({
  session,
  role: partition.state.role,
  isConsistent: partition.state.isConsistent,
  epoch: partition.state.epoch,
  generations: partition.state.generations,
  copyOf: partition.state.copyOf,
  saves: partition.saves,
  ...partition.geometry,
  sectorBytes: data.blockBytes,
})

export class Standby {
  readonly #side: Side
  readonly #report: ReportListener
  readonly #touches: TouchedEpochs
  /** Of the epoch that it follows: what the other side did not tell the log before it was lost. */
  #touched: Touched | null = null
  #link: PeerLink | null = null
  /** Of the last frame that was taken. */
  #taken = 0
  #isAckDue = false
  /** Writes that came together are done together, and acknowledged by one answer. */
  readonly #batch = new Batch<Transfer>((transfers) => this.#write(transfers))
  #isRefusing = false

  constructor(side: Side, report: ReportListener = () => undefined, touches = new TouchedEpochs()) {
    this.#side = side
    this.#report = report
    this.#touches = touches
    const { state } = side.partition
    // 1. Alpha serves, acknowledges a write that both have, and loses its power before it is flushed: it has it no more.
    // 2. Beta is activated. Alpha returns and follows. 3. Beta ends before alpha was brought up: alpha must not serve.
    const isDoubtful = state.role === 'active' || (state.role === 'standby' && state.boot !== side.boot)
    if (state.role === 'standby' && state.boot === side.boot) return
    side.partition.save({
      ...state,
      role: 'standby',
      boot: side.boot,
      isConsistent: state.isConsistent && !isDoubtful,
    })
  }

  readonly linkUp = (link: PeerLink): void => {
    this.#link = link
    this.#taken = 0
    this.#isRefusing = false
    link.send([frame('state', { payload: encodeMessage(peerStateOf(this.#side)) }), ...marksOf(this.#side.partition)])
  }

  readonly linkDown = (): void => {
    this.#link = null
    // Nobody was told that they are done.
    this.#batch.forget()
    this.#isAckDue = false
  }

  /** The epoch under which it follows. */
  get epoch(): number {
    return this.#side.partition.state.epoch
  }

  /** As the active side does (`Operator.stamp`). */
  readonly stamp = (): void => {
    if (this.#isRefusing || this.#touched?.takeWritten() !== true) return
    const because = this.#attempt(() => this.#side.partition.save(this.#side.partition.state))
    if (because !== null) this.#refuse(because)
  }

  readonly received = (one: Frame): void => {
    if (this.#isRefusing || !numbered.has(one.kind)) {
      this.#runBatch()
      if (one.kind === 'digest-request') this.#answer('digest', one, (data) => digestOf(data, one.at, one.length))
      if (one.kind === 'read-request') this.#answer('read-data', one, (data) => bytesOf(data, one))
      return
    }
    const because = this.#objectionTo(one) ?? this.#perform(one)
    this.#taken = one.sequence
    if (because !== null) this.#refuse(because)
    else this.#isAckDue = true
  }

  /** Nothing more has come with the frames since the last time. */
  readonly paused = (): void => {
    this.#runBatch()
    if (!this.#isAckDue || this.#isRefusing) return
    this.#isAckDue = false
    this.#link?.send([frame('ack', { sequence: this.#taken, at: this.#side.partition.saves })])
  }

  /** Writes what is cached; nothing is lost by a power cut afterwards. @throws DiskTrouble */
  readonly leave = (): void => {
    this.#side.data.flush()
    this.#side.partition.save({ ...this.#side.partition.state, role: 'idle' })
    // The other side need not wait for one that does not come back.
    this.#link?.send([frame('bye')])
  }

  readonly #objectionTo = ({ kind, epoch, generation, at, length }: Frame): string | null => {
    const { state } = this.#side.partition
    // The last defence against an active side that should not be: a paused machine, a lease that was not believed.
    if (epoch < state.epoch) return `epoch ${epoch} is over: ${state.epoch} has written here`
    if (kind === 'resync-begin' || kind === 'join' || kind === 'flush') return null
    if (state.isConsistent && generation !== state.generations.current)
      return `of generation ${generation}, here is ${state.generations.current}`
    const { blockBytes } = this.#side.data
    // Not within the disk alone: what lies beyond the mirror is made zeros when this side grows.
    const size = this.#side.partition.geometry.dataBytes
    const isInside = length > 0 && at + length <= size && at % blockBytes === 0 && length % blockBytes === 0
    return isInside ? null : `range ${at}+${length} is not on blocks of ${blockBytes} within ${size}`
  }

  readonly #refuse = (because: string): void => {
    this.#isRefusing = true
    this.#batch.forget()
    const { epoch } = this.#side.partition.state
    this.#link?.send([frame('refused', { sequence: this.#taken, epoch, payload: new TextEncoder().encode(because) })])
  }

  /** Null when it was done. */
  readonly #perform = (one: Frame): string | null =>
    this.#attempt(() => {
      this.#adoptEpoch(one.epoch)
      if (this.#touched?.epoch !== one.epoch)
        this.#touched = this.#touches.begin(one.epoch, this.#side.partition.geometry.dataBytes, true)
      this.#apply(one)
    })

  readonly #attempt = (what: () => void): string | null => {
    try {
      what()
      return null
    } catch (error) {
      if (error instanceof DiskTrouble) this.#report(troubleReport(this.#side.data, error))
      return error instanceof Error ? error.message : String(error)
    }
  }

  readonly #adoptEpoch = (epoch: number): void => {
    const { partition } = this.#side
    // Another side serves: what was being copied from here is copied no more, and marks of that are worth nothing.
    if (epoch > partition.state.epoch) partition.save({ ...partition.state, epoch, copyTo: null })
  }

  readonly #apply = (one: Frame): void => {
    const { data, partition } = this.#side
    // What is only copied was told of before the sides were joined.
    if (one.length > 0 && !one.isResync) this.#touched?.add(one)
    if (one.kind === 'write') {
      this.#batch.add({ do: 'write', at: one.at, bytes: one.payload })
      return
    }
    this.#batch.run()
    switch (one.kind) {
      case 'trim':
        data.trim(one.at, one.length)
        return
      case 'zero':
        data.zero(one.at, one.length)
        return
      case 'flush':
        data.flush()
        // A copy of this disk from before, in a backup, tells itself by the count.
        if (one.isResync && partition.state.copyOf !== null) partition.save(partition.state)
        return
      case 'resync-begin':
        this.#beginCopy(one)
        return
      default:
        this.#join(one)
    }
  }

  readonly #beginCopy = (one: Frame): void => {
    const { partition } = this.#side
    const begin = parseBegin(one)
    if (begin === null) throw new Error('a resync that does not say what it is')
    const { isConsistent, copyOf } = partition.state
    const name = begin.copy ?? begin.differences
    if (isConsistent || copyOf !== name) partition.save({ ...partition.state, isConsistent: false, copyOf: name })
    // All is marked on the other side; before that is saved here they must stay.
    if (begin.copy !== null && begin.copy !== copyOf) this.#forgetMarks()
  }

  readonly #runBatch = (): void => {
    const because = this.#isRefusing ? null : this.#attempt(this.#batch.run)
    if (because !== null) this.#refuse(because)
  }

  /** @throws DiskTrouble the first of them */
  readonly #write = (transfers: readonly Transfer[]): void => {
    const trouble = this.#side.data.transfer(transfers).find((one) => one !== null)
    if (trouble) throw trouble
  }

  /** Everything is here: this copy is what the source's is. */
  readonly #join = (one: Frame): void => {
    const { data, partition } = this.#side
    const message = parseJoin(one)
    if (message === null) throw new Error('a join without generations')
    data.flush()
    partition.save({ ...partition.state, isConsistent: true, generations: joined(message.generations), copyOf: null })
    this.#forgetMarks()
  }

  /** Marks of an earlier life as active side are void now; too many until then do no harm. */
  readonly #forgetMarks = (): void => {
    const { partition } = this.#side
    for (const map of [partition.intent, partition.dirty]) {
      map.clear()
      map.store()
    }
  }

  /** Behind everything that was sent before the question. An empty answer: it cannot be read. */
  readonly #answer = (kind: 'digest' | 'read-data', { at, length }: Frame, read: (data: Disk) => Uint8Array): void => {
    const { data } = this.#side
    const isAligned = at % data.blockBytes === 0 && length % data.blockBytes === 0
    if (length === 0 || length > maxPayloadBytes || at + length > data.size) return
    let payload: Uint8Array = new Uint8Array(0)
    try {
      // Whoever asks waits for answers in order: one that cannot be given is given empty.
      if (isAligned) payload = read(data)
    } catch (error) {
      if (!(error instanceof DiskTrouble)) throw error
      this.#report(troubleReport(data, error))
    }
    this.#link?.send([frame(kind, { at, length, payload })])
  }
}

const numbered: ReadonlySet<Frame['kind']> = new Set(['write', 'trim', 'zero', 'flush', 'resync-begin', 'join'])

export const digestOf = (data: Disk, at: number, length: number): Uint8Array => {
  return createHash('sha256').update(bytesOf(data, { at, length })).digest()
}

const bytesOf = (data: Disk, { at, length }: Range): Uint8Array => {
  const bytes = new Uint8Array(length)
  data.read(at, bytes)
  return bytes
}

/** Where this copy may differ from the other for reasons of its own. */
const marksOf = (partition: ClusterPartition): Frame[] => {
  const { marks } = partition.dirty
  const all = new Bitmap(marks.length)
  all.addFrom(marks)
  for (const { first, count } of markedRuns(partition)) all.addRange(first, count)
  const runs: BlockRun[] = []
  for (const run of all.runs()) {
    if (runs.length === mostRuns) return marksFrames([{ first: 0, count: marks.length }])
    runs.push(run)
  }
  return marksFrames(runs)
}

const marksFrames = (runs: readonly BlockRun[]): Frame[] => {
  const frames: Frame[] = []
  for (let from = 0; from < runs.length; from += maxRuns)
    frames.push(frame('marks', { payload: encodeRuns(runs.slice(from, from + maxRuns)) }))
  return [...frames, frame('marks-end')]
}
