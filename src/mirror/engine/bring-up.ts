/**
 * Bringing the other side up: one attempt after the other. Each ends with a join or is interrupted. Where the other side
 * has refused, or does not keep up, it is tried again after a pause that grows: its disk, or the way there, will hardly be
 * better at once.
 */
import type { Cancel, Clock } from '../../world/world.ts'
import { type CopyName, type DataGeneration, type Generations, joined } from '../generations.ts'
import { frame } from '../peer/frame.ts'
import { encodeMessage } from '../peer/messages.ts'
import { CatchUp } from './catch-up.ts'
import type { Range } from './intents.ts'
import type { Met } from './meeting.ts'
import type { ReportListener } from './report.ts'
import type { ResyncLimits, ResyncPort } from './resync.ts'
import type { Side } from './standby.ts'
import type { Duration } from './statistics.ts'
import type { Writes } from './writes.ts'

export type BringUpPort = {
  readonly clock: Clock
  readonly side: Side
  readonly writes: Pick<Writes, 'send' | 'sequence' | 'intents'>
  readonly limits: ResyncLimits
  readonly times: Duration
  /** Runs it; trouble with a disk ends the service. */
  readonly guard: (run: () => void) => void
  readonly report: ReportListener
  /** Of a copy that is begun. */
  readonly newName: () => CopyName
  /** How often the other side's metadata was saved, as it said last. */
  readonly peerSaves: () => number | null
  /** The other side has everything, and is about to know. */
  readonly joining: () => void
  /** It knows, durably. */
  readonly joined: () => void
  readonly unreadable: ResyncPort['unreadable']
  /** What can be read was copied, and the rest is tried again after a pause. */
  readonly incomplete: ResyncPort['incomplete']
  /** A pause is over. */
  readonly again: () => void
}

/** After the first refusal; each that follows doubles it. */
const firstPauseMs = 1000
/** A disk that was replaced or has recovered is noticed after so long; an operator's word is sooner. */
const longestPauseMs = 60_000

export class BringUp {
  readonly #port: BringUpPort
  #attempt: CatchUp | null = null
  /** Of the join that is not answered, and what this side said of itself before it. */
  #join: { readonly sequence: number; readonly before: Generations } | null = null
  /** Of the process there that was brought up: and where it has never got the last join, what it had before. */
  #session: string | null = null
  #unanswered: DataGeneration | null = null
  #pauseMs = 0
  #pausedAt = Number.NEGATIVE_INFINITY
  #hindrance: string | null = null
  #timer: Cancel = () => {}

  constructor(port: BringUpPort) {
    this.#port = port
  }

  get isRunning(): boolean {
    return this.#attempt !== null
  }

  /** What is copied now; null = nothing. */
  get progress(): CatchUp['progress'] | null {
    return this.#attempt?.progress ?? null
  }

  /** Why nothing is copied yet; null: it may begin. */
  get hindrance(): string | null {
    return this.#hindrance === null ? null : `${this.#hindrance}; tried again in ${Math.ceil(this.#leftMs / 1000)} s`
  }

  /**
   * What is copied: not everything again where a part of that was done; everything to an older copy of the other side's disks,
   * from a backup, for it lacks what is marked here no more. @throws DiskTrouble
   */
  readonly start = ({ state, runs }: Met, wanted: 'differences' | 'everything'): typeof wanted => {
    const { clock, side, writes, limits, times, guard, report, unreadable } = this.#port
    const isBegun = this.#isBegun(state)
    const copy = isBegun ? 'differences' : this.#isFromPast(state) ? 'everything' : wanted
    this.#session = state.session
    this.#unanswered = null
    const { partition, data } = side
    if (copy === 'everything') this.#markEverything()
    if (!isBegun) this.#beginCopy()
    const name = partition.state.copyTo?.name ?? null
    // What that side has beyond the end of this one is not mirrored yet.
    const { length } = partition.dirty.marks
    for (const { first, count } of runs)
      partition.dirty.addRange(Math.min(first, length), Math.max(0, Math.min(count, length - first)))
    this.#attempt = new CatchUp(
      {
        ...{ clock, partition, data, send: writes.send, guard, times, unreadable },
        begin: isBegun || copy === 'everything' ? { copy: name, differences: null } : { copy: null, differences: name },
        flushed: this.rememberSaves,
        finished: this.#finish,
        incomplete: this.#incomplete,
      },
      { copy, limits, report, isRetry: this.#hasPausedLately },
    )
    return copy
  }

  /** Copies; apart from `start`, so that whoever is told of it first knows that it has begun. */
  readonly run = (): void => this.#attempt?.start()

  /** More was marked, maybe where this has been already. */
  readonly more = (): void => this.#attempt?.again()

  /** Made zeros on both sides just now: it need not be copied. */
  readonly zeroed = (range: Range): void => this.#attempt?.zeroed(range)

  /** The other side has done everything up to this one. */
  readonly acknowledged = (sequence: number): void => {
    const wasBegun = this.#attempt?.isBegun
    this.#attempt?.acknowledged(sequence)
    // From here on it gets what is written, too, which is marked only until it has that.
    if (!wasBegun && this.#attempt?.isBegun) this.#port.guard(this.rememberSaves)
    if (this.#join === null || this.#join.sequence > sequence) return
    this.#join = null
    this.#unanswered = null
    const { partition } = this.#port.side
    if (partition.state.copyTo !== null) partition.save({ ...partition.state, copyTo: null })
    this.#port.joined()
  }

  readonly interrupt = (because: string): void => this.#end('interrupted', because)

  /** Whether the last join is answered does not matter any more. */
  readonly forgetJoin = (): void => {
    this.#join = null
  }

  /**
   * What this side has, seen from the other one. That process may never have got the last join: then it lacks what it lacked
   * before that, and not everything. @throws DiskTrouble
   */
  readonly toward = ({ generations: theirs, session }: Met['state']): Generations => {
    const { partition } = this.#port.side
    const base = this.#unanswered
    this.#unanswered = null
    if (base !== null && theirs.current === base && session === this.#session)
      partition.save({ ...partition.state, generations: { ...partition.state.generations, base } })
    return partition.state.generations
  }

  /**
   * The other side does not do what it is told. True: what it refused was to be brought up, so both are as they were
   * before. The log was not asked to call it current: this side is still alone there, and needs no new word.
   * @throws DiskTrouble
   */
  readonly refused = (because: string): boolean => {
    const { partition } = this.#port.side
    const join = this.#join
    this.#join = null
    if (join !== null) partition.save({ ...partition.state, generations: join.before })
    this.pause(because)
    return join !== null
  }

  /** Not at once again: the other side does not keep up, and would be left behind as soon as it was brought up. */
  readonly pause = (because: string): void => {
    const { clock } = this.#port
    this.interrupt(because)
    this.#pauseMs = this.#hasPausedLately ? Math.min(longestPauseMs, this.#pauseMs * 2) : firstPauseMs
    this.#pausedAt = clock.now()
    this.#hindrance = because
    this.#timer()
    this.#timer = clock.after(this.#pauseMs, this.atOnce)
  }

  /** Waits no longer. */
  readonly atOnce = (): void => {
    this.#timer()
    this.#hindrance = null
    this.#port.guard(this.#port.again)
  }

  readonly stop = (because: string): void => {
    this.#timer()
    this.interrupt(because)
  }

  get #leftMs(): number {
    return Math.max(0, this.#pausedAt + this.#pauseMs - this.#port.clock.now())
  }

  /** Longer ago, it has nothing to do with what is now. */
  get #hasPausedLately(): boolean {
    return this.#port.clock.now() - this.#pausedAt <= 2 * longestPauseMs
  }

  /** That copy lacks only what is marked here, however often either side was started anew since it was begun. */
  readonly #isBegun = ({ copyOf, saves }: Met['state']): boolean => {
    const { copyTo } = this.#port.side.partition.state
    return copyTo !== null && copyOf === copyTo.name && saves >= copyTo.saves
  }

  /** Since the two parted something was copied, and is marked no more; and that copy is not the one it was copied to. */
  readonly #isFromPast = ({ generations }: Met['state']): boolean => {
    const { copyTo, generations: mine } = this.#port.side.partition.state
    return copyTo !== null && copyTo.saves > 0 && mine.base !== null && generations.current === mine.base
  }

  readonly #markEverything = (): void => {
    const { dirty } = this.#port.side.partition
    dirty.addAll()
    dirty.store()
  }

  /** What it lacks is marked, durably, before anything is called by a new name. */
  readonly #beginCopy = (): void => {
    const { partition } = this.#port.side
    partition.save({ ...partition.state, copyTo: { name: this.#port.newName(), saves: 0 } })
  }

  /** Before what was copied is marked no more (#isFromPast). @throws DiskTrouble */
  readonly rememberSaves = (): void => {
    const { side, peerSaves } = this.#port
    const { state } = side.partition
    // A copy that has not been told its name is none from before.
    if (state.copyTo === null || (state.copyTo.saves === 0 && !this.#attempt?.isBegun)) return
    side.partition.save({
      ...state,
      copyTo: { ...state.copyTo, saves: Math.max(state.copyTo.saves, peerSaves() ?? 0) },
    })
  }

  readonly #incomplete = (because: string): void => {
    this.pause(because)
    this.#port.incomplete(because)
  }

  /** Saved before it is sent: from here on the other side may have everything. */
  readonly #finish = (flushedBelow: number): void => {
    const { side, writes, joining } = this.#port
    const { partition } = side
    this.#end('ended')
    joining()
    partition.dirty.store()
    const before = partition.state.generations
    const generations = joined(before)
    partition.save({ ...partition.state, generations })
    // Else whatever no service ever flushes would be copied anew after each break.
    writes.intents.flushed(flushedBelow)
    writes.intents.adoptEarlier(writes.sequence)
    const sequence = writes.send(frame('join', { payload: encodeMessage({ generations }) }))
    this.#join = { sequence, before }
    this.#unanswered = before.base
  }

  readonly #end = (state: 'interrupted' | 'ended', because: string | null = null): void => {
    const ended = this.#attempt
    this.#attempt = null
    ended?.end(state, because)
  }
}
