/**
 * The side that serves: every write is marked, sent to the other side, written here, and acknowledged when both have
 * it, or when the log has recorded that this side goes on alone.
 */
import type { Cancel } from '../../world/world.ts'
import { DiskTrouble } from '../disk.ts'
import type { BlockRequest, Engine } from '../engine-interface.ts'
import { type Frame, frame } from '../peer/frame.ts'
import type { PeerLink } from '../peer/link.ts'
import { encodeMessage } from '../peer/messages.ts'
import { activated } from './activation.ts'
import { type ActiveOptions, lookEveryMs } from './active-options.ts'
import { Asker } from './asker.ts'
import type { MirrorCondition, PairState } from './authority.ts'
import { Break } from './break.ts'
import { BringUp } from './bring-up.ts'
import { Detachment } from './detachment.ts'
import { DiskCare } from './disk-care.ts'
import { HeldBack } from './held-back.ts'
import type { Begun } from './in-flight.ts'
import { InStep } from './in-step.ts'
import { markedBlocks } from './intents.ts'
import { Meeting, type Met, meet } from './meeting.ts'
import { Operator } from './operator.ts'
import type { MirrorReport } from './report.ts'
import { peerStateOf, type Side } from './standby.ts'
import { Statistics } from './statistics.ts'
import { type Touched, TouchedEpochs } from './touched.ts'
import { Writes } from './writes.ts'

export class ActiveSide implements Engine {
  readonly touched: Touched
  readonly statistics: Statistics
  /** What an operator may order. */
  readonly operator: Operator
  readonly #side: Side
  readonly #options: ActiveOptions
  readonly #writes: Writes
  #pair: PairState = 'holding'
  #because = 'the other side has not been heard'
  /** The log has not recorded that this side goes on alone, so it must before anything is acknowledged without the other. */
  #mustAsk = true
  readonly #heldBack = new HeldBack()
  #isJoined = false
  readonly #asker: Asker
  readonly #breaking: Break
  readonly #detachment: Detachment
  #link: PeerLink | null = null
  #meeting: Meeting | null = null
  /** Of the other side, when writes were last acknowledged by it. */
  #session: string | null = null
  readonly #bringUp: BringUp
  readonly #care: DiskCare
  readonly #inStep: InStep
  /** Saves of the other side's metadata, as it said last. */
  peerSaves: number | null = null
  #patience: Cancel
  #tick: Cancel

  /** Only the control starts one, after the log has said that this copy is current (`activation.ts`). */
  constructor(side: Side, options: ActiveOptions) {
    const { partition } = side
    this.#side = side
    this.#options = options
    this.#asker = new Asker(options)
    this.statistics = options.statistics ?? new Statistics()
    const { touches = new TouchedEpochs(), epoch } = options
    this.touched = touches.begin(epoch, this.size, partition.state.epoch !== epoch)
    // What it had acknowledged as standby has no marks here.
    side.data.flush()
    partition.save(activated(partition.state, { epoch: options.epoch, boot: side.boot, recorded: options.recorded }))
    const parts = {
      clock: options.clock,
      side,
      partition,
      asker: this.#asker,
      touched: this.touched,
      statistics: this.statistics,
      report: this.#report,
      guard: this.#guarded,
      send: (frames: readonly Frame[]) => this.#link?.send(frames),
      isStopped: () => this.#pair === 'stopped',
      isAttached: () => this.#detachment.isAttached,
    }
    this.#writes = new Writes({
      ...parts,
      epoch: options.epoch,
      mode: options.mode,
      pair: () => this.#pair,
      isBreaking: () => this.#breaking.isUnderWay,
      detach: this.#detach,
      unreadable: (read, trouble) => this.#care.unreadable(read, trouble),
      writing: (ranges) => this.#care.writing(ranges),
      zeroed: (range) => this.#bringUp.zeroed(range),
    })
    this.#care = new DiskCare({
      ...parts,
      isPaired: () => this.#link !== null && (this.#pair === 'paired' || !this.#detachment.isAttached),
      mark: (range) => this.#writes.intents.begin([range], this.#writes.sequence),
    })
    this.#bringUp = new BringUp({
      ...parts,
      writes: this.#writes,
      limits: options.limits.resync,
      times: this.statistics.resyncAcknowledge,
      ...{ joining: this.#joining, joined: () => this.#askJoin(), again: () => this.#meet() },
      ...{ unreadable: this.#care.tell, incomplete: this.#breakNow },
    })
    this.#breaking = new Break({
      ...parts,
      newGeneration: options.newGeneration,
      refused: () => this.stop('the log refuses that this side goes on alone'),
      recorded: (because) => this.#broken(because),
    })
    this.#detachment = new Detachment({
      ...parts,
      send: this.#writes.send,
      holding: (because) => this.#become('holding', because),
      refused: () => this.stop('the log refuses that this side goes on with the disk of the other one'),
      recorded: (because, sequence) => this.#detached(because, sequence),
    })
    const own = { ...parts, condition: () => this.condition, breakNow: this.#breakNow }
    this.#inStep = new InStep({ ...own, mode: options.mode, writes: this.#writes })
    this.operator = new Operator({ ...own, bringUp: this.#bringUp, care: this.#care })
    // What was being written when this side last stopped may differ on the other.
    for (const block of markedBlocks(partition)) partition.dirty.add(block)
    this.#patience = options.clock.after(options.limits.connectMs, () => this.#break('the other side did not come'))
    this.#tick = options.clock.after(lookEveryMs(options.limits), this.#look)
  }

  get blockBytes(): number {
    return this.#side.data.blockBytes
  }

  get size(): number {
    return this.#side.partition.geometry.dataBytes
  }

  get condition(): MirrorCondition {
    return { pair: this.#pair, because: this.#because, dirtyBlocks: this.#side.partition.dirty.marks.count }
  }

  /** Without a disk of its own it ends with the connection in use. */
  get keepsLink(): boolean {
    return !this.#detachment.isAttached && this.#pair !== 'stopped'
  }

  /** What is copied now; null = nothing. */
  get progress(): BringUp['progress'] {
    return this.#bringUp.progress
  }

  readonly submit = (burst: readonly BlockRequest[]): void => {
    if (this.#pair === 'stopped' || this.#inStep.isLeaving) {
      for (const { settle } of burst) settle('ESHUTDOWN')
      return
    }
    if (this.#heldBack.take(burst)) return
    const begun = this.#guarded(() => this.#writes.perform(burst))
    if (begun !== null) this.#took(burst, begun)
    else if (!this.#heldBack.take(burst)) this.#writes.failed(burst)
  }

  readonly linkUp = (link: PeerLink): void => {
    if (this.#pair === 'stopped') return
    this.#link = link
    this.#meeting = new Meeting(this.#side.partition)
    link.send([frame('state', { payload: encodeMessage(peerStateOf(this.#side)) })])
  }

  readonly linkDown = (because: string): void => {
    this.#link = null
    this.#meeting = null
    this.#bringUp.interrupt(because)
    this.#care.stopVerify(because)
    if (!this.#detachment.isAttached) this.stop(`${this.#because}; the other side is lost: ${because}`)
    else if (this.#pair === 'resyncing' && !this.#mustAsk) this.#becomeAlone(because)
    else if (this.#pair === 'paired' || this.#pair === 'resyncing') {
      this.#become('holding', because)
      this.#patience()
      this.#patience = this.#options.clock.after(this.#options.limits.reconnectMs, () => this.#break(because))
    }
  }

  readonly received = (one: Frame): void => {
    if (this.#pair === 'stopped') return
    this.#guarded(() => {
      if (one.kind === 'ack') this.#acknowledged(one)
      else if (one.kind === 'refused') this.#refused(one)
      else if (one.kind === 'bye') this.#breakNow('the other side leaves')
      else if (one.kind === 'digest' || one.kind === 'read-data') this.#care.answered(one)
      else if (this.#meeting?.take(one)) this.#meet()
    })
  }

  /** Nobody uses it any more. Null: it has stopped; or why it must not yet, after twice this time. */
  readonly leaveInStep = async (because: string, limitMs: number): Promise<string | null> => {
    const hindrance = await this.#inStep.leave(limitMs)
    if (hindrance === null) this.stop(because)
    return hindrance
  }

  /** Once the other side has everything durably that was written so far. Null, or why it will not. */
  readonly settled = (): Promise<string | null> => this.#inStep.settled()

  /** Serves nothing any more: another epoch, a disk that fails, an order. What was not acknowledged is refused. */
  readonly stop = (because: string): void => {
    if (this.#pair === 'stopped') return
    this.#become('stopped', because)
    this.#patience()
    this.#tick()
    this.#bringUp.stop(because)
    this.#care.stopVerify(because)
    this.#care.giveUp()
    this.#link?.close(because)
    for (const { settles } of this.#writes.inFlight.takeAll()) for (const settle of settles) settle('EIO')
  }

  /** Trouble with a disk: it is given up, or the service ends. The other side has everything. Null then. */
  readonly #guarded = <T>(run: () => T): T | null => {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof DiskTrouble)) throw error
      if (!this.#detach(error)) {
        this.#care.tell(error)
        this.stop(`the local disk: ${error.message}`)
      }
      return null
    } finally {
      this.#detachment.fence()
    }
  }

  /** True: this side goes on without its disks, and nothing that was begun is lost. */
  readonly #detach = (trouble: DiskTrouble): boolean => {
    const isWhole = this.#pair === 'paired' && this.#isJoined && this.#link !== null
    if (!isWhole || this.#inStep.isLeaving || this.#options.onDiskError === 'fail-over') return false
    this.#care.stopVerify('the local disk has failed')
    this.#heldBack.hold()
    this.#detachment.begin(`the local disk: ${trouble.message}`)
    this.#care.tell(trouble)
    return true
  }

  readonly #detached = (because: string, sequence: number): void => {
    this.#become('detached', because)
    this.#writes.acknowledged(sequence)
    this.#care.disown()
  }

  /** Local is done. */
  readonly #took = (burst: readonly BlockRequest[], begun: readonly Begun[]): void => {
    this.#guarded(() => this.#writes.took(burst, begun))
    const { mode, limits } = this.#options
    const isFull = mode === 'async' && this.#detachment.isAttached && this.#writes.inFlight.bytes > limits.queueBytes
    if (!isFull || this.#breaking.isUnderWay) return
    this.#bringUp.pause('the queue is full')
    this.#breakNow('the queue is full')
  }

  readonly #acknowledged = ({ sequence, at }: Frame): void => {
    this.peerSaves = at || null
    if (this.#detachment.holds(sequence) || !this.#writes.replicates()) return
    this.#writes.acknowledged(sequence)
    this.#bringUp.acknowledged(sequence)
  }

  readonly #refused = (one: Frame): void => {
    const because = `the other side refuses: ${new TextDecoder().decode(one.payload)}`
    if (one.epoch > this.#options.epoch || !this.#detachment.isAttached) this.stop(because)
    else {
      if (this.#bringUp.refused(because)) this.#mustAsk = false
      this.#breakNow(because)
    }
  }

  /** Both states are known: what follows from it. */
  readonly #meet = (): void => {
    const met = this.#meeting?.met
    if (!met || this.#breaking.isUnderWay) return
    const { partition } = this.#side
    const answer = meet(this.#bringUp.toward(met.state), met, {
      isFresh: partition.dirty.marks.count === 0 && partition.intent.marks.count === 0,
      isSameSession: this.#session === met.state.session,
      isAlone: this.#pair === 'alone',
    })
    switch (answer.decision) {
      case 'stop':
        if (this.#pair !== 'alone') this.stop(answer.because)
        return
      case 'refuse':
      case 'break':
        if (answer.decision === 'refuse') this.#become(this.#pair, answer.because)
        this.#break(answer.because)
        return
      case 'go-on':
        this.#goOn(met)
        return
      default:
        this.#startResync(met, answer.copy)
    }
  }

  /** The other side has everything but what is in flight: that is sent again, as it is on disk by now. */
  readonly #goOn = (met: Met): void => {
    this.#patience()
    // A new process there has not seen what came before: the log must not count on it (X5).
    if (this.#session !== met.state.session) this.#isJoined = false
    this.#session = met.state.session
    this.#bringUp.forgetJoin()
    const frames = this.#writes.again()
    this.#become('paired', 'both sides have everything')
    this.#link?.send(frames)
    this.#care.again()
    // The other side saves this epoch with the first frame that it does: the log must not know of it before.
    if (!this.#isJoined) this.#guarded(() => this.#writes.drain(() => this.#pair === 'paired' && this.#askJoin()))
  }

  readonly #startResync = (met: Met, wanted: 'differences' | 'everything'): void => {
    const { hindrance } = this.#bringUp
    if (hindrance !== null) {
      this.#become(this.#pair, hindrance)
      return
    }
    this.#session = met.state.session
    const copy = this.#bringUp.start(met, wanted)
    this.#become('resyncing', copy === 'everything' ? 'everything is copied' : 'what differs is copied')
    this.#bringUp.run()
  }

  /** From here on the other side may have everything, so this one may not go on alone without asking. */
  readonly #joining = (): void => {
    this.#mustAsk = true
    this.#isJoined = false
  }

  readonly #askJoin = (): void => {
    const generation = this.#side.partition.state.generations.current
    this.#become('paired', 'both sides have everything')
    if (generation === null) return
    this.#asker.askJoin(generation, {
      answered: (answer) => {
        if (answer === 'refused') this.stop('the log refuses that both sides are equal')
        else this.#isJoined = true
      },
      isOver: () => this.#pair !== 'paired',
    })
  }

  readonly #report = (one: MirrorReport): void => this.#options.report?.(one)

  readonly #breakNow = (because: string): void => {
    const isAsking = this.#mustAsk
    this.#link?.close(because)
    if (!this.#detachment.isAttached) this.stop(`${this.#because}; the other side is lost: ${because}`)
    else if (isAsking) this.#break(because)
  }

  /** Goes on alone once the log has it; until then nothing is acknowledged. */
  readonly #break = (because: string): void => {
    if (this.#breaking.isUnderWay || this.#pair === 'stopped' || this.#pair === 'alone') return
    this.#patience()
    this.#become('holding', because)
    this.#breaking.begin(because)
  }

  readonly #broken = (because: string): void => {
    this.#becomeAlone(because)
    this.#meet()
  }

  readonly #becomeAlone = (because: string): void => {
    this.#mustAsk = false
    this.#bringUp.forgetJoin()
    this.#session = null
    for (const block of this.#writes.intents.unflushedBlocks()) this.#side.partition.dirty.add(block)
    this.#become('alone', because)
    this.#care.giveUp()
    for (const { settles } of this.#writes.inFlight.takeAll()) for (const settle of settles) settle(null)
  }

  /** Regularly: is an answer overdue? */
  readonly #look = (): void => {
    const { clock, limits } = this.#options
    const oldestMs = clock.now() - (this.#writes.inFlight.oldest?.beganAt ?? clock.now())
    const isAwaited = this.#writes.replicates() && !this.#detachment.isAsking
    if (isAwaited && oldestMs > limits.ackMs) this.#breakNow(`no answer for ${Math.round(oldestMs)} ms`)
    this.#tick = clock.after(lookEveryMs(limits), this.#look)
  }

  readonly #become = (pair: PairState, because: string): void => {
    this.#pair = pair
    this.#because = because
    this.#options.changed(this.condition)
    if (pair !== 'holding') this.#heldBack.release(this.submit)
    this.#inStep.changed()
  }
}
