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
import { ActiveParts } from './active-parts.ts'
import type { MirrorCondition, PairState } from './authority.ts'
import type { BringUp } from './bring-up.ts'
import { HeldBack } from './held-back.ts'
import type { Begun } from './in-flight.ts'
import { markedRuns } from './intents.ts'
import type { Operator } from './operator.ts'
import { peerStateOf, type Side } from './standby.ts'
import { Statistics } from './statistics.ts'
import { type Touched, TouchedEpochs } from './touched.ts'

export class ActiveSide implements Engine {
  readonly touched: Touched
  readonly statistics: Statistics
  readonly #side: Side
  readonly #options: ActiveOptions
  readonly #parts: ActiveParts
  readonly #heldBack = new HeldBack()
  #pair: PairState = 'holding'
  #because = 'the other side has not been heard'
  /** The log has not recorded that this side goes on alone, so it must before anything is acknowledged without the other. */
  #mustAsk = true
  #link: PeerLink | null = null
  /** Without its own disks this side has lost the connection: nothing is sent before what was under way has been sent again. */
  #isCutOff = false
  /** Saves of the other side's metadata, as it said last. */
  peerSaves: number | null = null
  #patience: Cancel
  #tick: Cancel

  /** Only the control starts one, after the log has said that this copy is current (`activation.ts`). */
  constructor(side: Side, options: ActiveOptions) {
    const { partition } = side
    this.#side = side
    this.#options = options
    this.statistics = options.statistics ?? new Statistics()
    const { touches = new TouchedEpochs(), epoch } = options
    this.touched = touches.begin(epoch, this.size, partition.state.epoch !== epoch)
    // What it had acknowledged as standby has no marks here.
    side.data.flush()
    partition.save(activated(partition.state, { epoch: options.epoch, boot: side.boot, recorded: options.recorded }))
    this.#parts = new ActiveParts({
      side,
      options,
      touched: this.touched,
      statistics: this.statistics,
      condition: () => this.condition,
      pair: () => this.#pair,
      isLinked: () => this.#link !== null,
      peerSaves: () => this.peerSaves,
      send: (frames) => {
        if (!this.#isCutOff) this.#link?.send(frames)
      },
      guard: this.#guarded,
      detach: this.#detach,
      become: this.#become,
      stop: (because) => this.stop(because),
      goAlone: this.#break,
      breakNow: this.#breakNow,
      joining: () => {
        this.#mustAsk = true
      },
      reunited: () => {
        this.#isCutOff = false
        this.#become(this.#pair, this.#because)
      },
      broken: this.#broken,
      detached: this.#detached,
    })
    // What was being written when this side last stopped may differ on the other.
    for (const { first, count } of markedRuns(partition)) partition.dirty.addRange(first, count)
    this.#patience = options.clock.after(options.limits.connectMs, () => this.#break('the other side did not come'))
    this.#tick = options.clock.after(lookEveryMs(options.limits), this.#look)
  }

  /** What an operator may order. */
  get operator(): Operator {
    return this.#parts.operator
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

  /** Without a disk of its own it may end with the connection in use, or all that is under way has to be sent again. */
  get keepsLink(): boolean {
    return !this.#parts.detachment.isAttached && this.#pair !== 'stopped'
  }

  /** What is copied now; null = nothing. */
  get progress(): BringUp['progress'] {
    return this.#parts.bringUp.progress
  }

  readonly submit = (burst: readonly BlockRequest[]): void => {
    if (this.#pair === 'stopped' || this.#parts.inStep.isLeaving) {
      for (const { settle } of burst) settle('ESHUTDOWN')
      return
    }
    if (this.#heldBack.take(burst)) return
    const begun = this.#guarded(() => this.#parts.writes.perform(burst))
    if (begun !== null) this.#took(burst, begun)
    else if (!this.#heldBack.take(burst)) this.#parts.writes.failed(burst)
  }

  readonly linkUp = (link: PeerLink): void => {
    if (this.#pair === 'stopped') return
    this.#link = link
    this.#parts.reunion.linkUp()
    link.send([frame('state', { payload: encodeMessage(peerStateOf(this.#side)) })])
  }

  readonly linkDown = (because: string): void => {
    this.#link = null
    this.#parts.reunion.linkDown()
    this.#parts.bringUp.interrupt(because)
    this.#parts.care.stopVerify(because)
    if (this.#pair === 'stopped') return
    if (this.#parts.detachment.isDone) this.#awaitOther(because)
    else if (!this.#parts.detachment.isAttached) this.stop(`${this.#because}; the other side is lost: ${because}`)
    else if (this.#pair === 'resyncing' && !this.#mustAsk) this.#becomeAlone(because)
    else if (this.#pair === 'paired' || this.#pair === 'resyncing') {
      this.#become('holding', because)
      this.#patience()
      this.#patience = this.#options.clock.after(this.#options.limits.reconnectMs, () => this.#break(because))
    }
  }

  /** By another network: what is under way is in memory. */
  readonly #awaitOther = (because: string): void => {
    this.#isCutOff = true
    this.#patience()
    this.#patience = this.#options.clock.after(this.#options.limits.reconnectMs, () =>
      this.stop(`${this.#because}; the other side is lost: ${because}`),
    )
  }

  readonly received = (one: Frame): void => {
    if (this.#pair === 'stopped') return
    this.#guarded(() => {
      if (one.kind === 'ack') this.#acknowledged(one)
      else if (one.kind === 'refused') this.#refused(one)
      else if (one.kind === 'bye') this.#breakNow('the other side leaves')
      else if (one.kind === 'digest' || one.kind === 'read-data') this.#parts.care.answered(one)
      else this.#parts.reunion.received(one)
    })
  }

  /** What the statistics have of this moment. */
  readonly measure = (): void => this.#parts.writes.measure()

  /** Nobody uses it any more. Null: it has stopped; or why it must not yet, after twice this time. */
  readonly leaveInStep = async (because: string, limitMs: number): Promise<string | null> => {
    const hindrance = await this.#parts.inStep.leave(limitMs)
    if (hindrance === null) this.stop(because)
    return hindrance
  }

  /** Once the other side has everything durably that was written so far. Null, or why it will not. */
  readonly settled = (): Promise<string | null> => this.#parts.inStep.settled()

  /** Serves nothing any more: another epoch, a disk that fails, an order. What was not acknowledged is refused. */
  readonly stop = (because: string): void => {
    if (this.#pair === 'stopped') return
    this.#become('stopped', because)
    this.#tick()
    this.#parts.bringUp.stop(because)
    this.#parts.care.stopVerify(because)
    this.#parts.care.giveUp()
    this.#link?.close(because)
    for (const { settles } of this.#parts.writes.inFlight.takeAll()) for (const settle of settles) settle('EIO')
    this.measure()
  }

  /** Trouble with a disk: it is given up, or the service ends. The other side has everything. Null then. */
  readonly #guarded = <T>(run: () => T): T | null => {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof DiskTrouble)) throw error
      if (!this.#detach(error)) {
        this.#parts.care.tell(error)
        this.stop(`the local disk: ${error.message}`)
      }
      return null
    } finally {
      this.#parts.detachment.fence()
    }
  }

  /** True: this side goes on without its disks, and nothing that was begun is lost. */
  readonly #detach = (trouble: DiskTrouble): boolean => {
    const isWhole = this.#pair === 'paired' && this.#parts.reunion.isJoined && this.#link !== null
    if (!isWhole || this.#parts.inStep.isLeaving || this.#options.onDiskError === 'fail-over') return false
    this.#parts.care.stopVerify('the local disk has failed')
    this.#heldBack.hold()
    this.#parts.detachment.begin(`the local disk: ${trouble.message}`)
    this.#parts.care.tell(trouble)
    return true
  }

  readonly #detached = (because: string, sequence: number): void => {
    this.#become('detached', because)
    this.#parts.writes.acknowledged(sequence)
    this.#parts.care.disown()
  }

  /** Local is done. */
  readonly #took = (burst: readonly BlockRequest[], begun: readonly Begun[]): void => {
    this.#guarded(() => this.#parts.writes.took(burst, begun))
    const { mode, limits } = this.#options
    const isFull =
      mode === 'async' && this.#parts.detachment.isAttached && this.#parts.writes.inFlight.bytes > limits.queueBytes
    if (!isFull || this.#parts.breaking.isUnderWay) return
    this.#parts.bringUp.pause('the queue is full')
    this.#breakNow('the queue is full')
  }

  readonly #acknowledged = ({ sequence, at }: Frame): void => {
    this.peerSaves = at || null
    if (this.#parts.detachment.holds(sequence) || !this.#parts.writes.replicates()) return
    this.#parts.writes.acknowledged(sequence)
    this.#parts.bringUp.acknowledged(sequence)
  }

  readonly #refused = (one: Frame): void => {
    const because = `the other side refuses: ${new TextDecoder().decode(one.payload)}`
    if (one.epoch > this.#options.epoch || !this.#parts.detachment.isAttached) this.stop(because)
    else {
      if (this.#parts.bringUp.refused(because)) this.#mustAsk = false
      this.#breakNow(because)
    }
  }

  readonly #breakNow = (because: string): void => {
    const isAsking = this.#mustAsk
    this.#link?.close(because)
    if (!this.#parts.detachment.isAttached) this.stop(`${this.#because}; the other side is lost: ${because}`)
    else if (isAsking) this.#break(because)
  }

  /** Goes on alone once the log has it; until then nothing is acknowledged. */
  readonly #break = (because: string): void => {
    if (this.#parts.breaking.isUnderWay || this.#pair === 'stopped' || this.#pair === 'alone') return
    this.#patience()
    this.#become('holding', because)
    this.#parts.breaking.begin(because)
  }

  readonly #broken = (because: string): void => {
    this.#becomeAlone(because)
    this.#parts.reunion.meet()
  }

  readonly #becomeAlone = (because: string): void => {
    this.#mustAsk = false
    this.#parts.reunion.forget()
    for (const block of this.#parts.writes.intents.unflushedBlocks()) this.#side.partition.dirty.add(block)
    this.#become('alone', because)
    this.#parts.care.giveUp()
    for (const { settles } of this.#parts.writes.inFlight.takeAll()) for (const settle of settles) settle(null)
  }

  /** Regularly: is an answer overdue? */
  readonly #look = (): void => {
    const { clock, limits } = this.#options
    const oldestMs = clock.now() - (this.#parts.writes.inFlight.oldest?.sentAt ?? clock.now())
    const isAwaited = this.#parts.writes.replicates() && !this.#parts.detachment.isAsking && !this.#isCutOff
    if (isAwaited && oldestMs > limits.ackMs) this.#breakNow(`no answer for ${Math.round(oldestMs)} ms`)
    this.#tick = clock.after(lookEveryMs(limits), this.#look)
  }

  readonly #become = (pair: PairState, because: string): void => {
    // Only a side that holds waits for the other one.
    if (pair !== 'holding') this.#patience()
    this.#pair = pair
    this.#because = because
    this.#options.changed(this.condition)
    if (pair !== 'holding') this.#heldBack.release(this.submit)
    this.#parts.inStep.changed()
  }
}
