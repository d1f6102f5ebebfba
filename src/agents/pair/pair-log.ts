/**
 * Topology `pair`: one log on two log servers that know nothing of each other, kept alike by whoever appends.
 *
 * The log itself says where a commit must be (projections/log-sides.ts): on both, or on one server's copy alone. So that
 * is known for certain from what stands before the commit, by everybody who appends after it.
 *
 * - *On both*: first to the head's copy by compare-and-set, then the same bytes to the other one, the tail. It stands once
 *   the tail has it; what only the head has may vanish. So everybody reads the tail.
 * - *Alone*: entered by the commit that declares the other server down, which the survivor puts on its own copy, under
 *   the rules of liveness-pair.ts (`judge`). Whatever stood was on both, so it is on that copy, whichever it is.
 * - Who starts anew looks through its own copy first: that it went on alone stands there, and nowhere else (own-history.ts).
 * - Whoever comes back is behind, or has a tail of its own that never stood: log-copier.ts.
 */
import {
  type AppendResult,
  type Commit,
  decodeCommit,
  type EventLog,
  encodeCommit,
  type Hash,
  type LogReader,
  type LogStatus,
  type Position,
  type Recorded,
  type Sequence,
  type Subscription,
  sequence,
  start,
  type VoterName,
} from '../../events/index.ts'
import { foldSides, type LogSides } from '../../projections/log-sides.ts'
import type { World } from '../../world/world.ts'
import { Follower } from './follower.ts'
import type { LogSide, Message } from './log-side.ts'
import { declaresDown, ownHistory } from './own-history.ts'

/** For how long an append waits until what it follows has been read here. */
const readMs = 500
/** For how long an append waits until the own copy has been looked through, and how often that is tried. */
const recallMs = 1000
const recallAgainMs = 50

export type PairLogOptions = {
  readonly me: VoterName
  /** In order of priority. */
  readonly members: readonly VoterName[]
  readonly own: LogSide
  readonly peer: LogSide
  /** What has been folded before: a snapshot's place on the log, and what was so there. */
  readonly from: { readonly position: Position; readonly sides: LogSides }
}

export type PairLog = EventLog & {
  /** Whether the rules of who lives let this server's copy go on alone, as of now. */
  readonly judge: (mayGoAlone: boolean) => void
  /** As of what has been read. */
  readonly sides: () => LogSides
  readonly reached: () => Position
  /** The copy that is read at present; null = not known yet, or an own past is being read that is over for certain. */
  readonly reads: () => 'own' | 'peer' | null
  /** The own copy has commits up to here, or none any more. */
  readonly ownHas: (end: Sequence) => void
  readonly ownEmptied: () => void
  /** Appends nothing from now on, and says why; null = goes on. */
  readonly hold: (because: string | null) => void
  /** The other copy is the same as this one, or nearly so. */
  readonly onCurrent: (isCurrent: boolean) => void
}

export const pairLog = (world: Pick<World, 'clock' | 'digest'>, options: PairLogOptions): PairLog =>
  new TwoSidedLog(world, options)

const conflict: AppendResult = { result: 'conflict' }
const unavailable = (because: string): AppendResult => ({ result: 'unavailable', because })
const unknown = (because: string): AppendResult => ({ result: 'unknown', because })
const abandoned: AppendResult = { result: 'abandoned', because: 'the log goes on without the other server' }

class TwoSidedLog implements PairLog {
  readonly #world: Pick<World, 'clock' | 'digest'>
  readonly #options: PairLogOptions
  readonly #followers = new Set<Follower>()
  #sides: LogSides
  #reached: Position
  #mayGoAlone = false
  /** Resolves when this server may go on alone: nobody waits for the other any longer. */
  #gone = Promise.withResolvers<AppendResult>()
  #held: string | null = null
  #isPeerCurrent = false
  /** The commit that this server knows to stand last on the copies, for it put it there. */
  #verified: Hash | null = null
  readonly #waiting = new Set<() => void>()
  /** Up to here the own copy is the log, whatever the other one holds; null = not looked through yet. */
  #ownUntil: Sequence | null = null
  /** Where the own copy ends, as far as is known; before what was read: it was lost, or emptied. */
  #ownEnd: Sequence = start.sequence
  readonly #recalled: Promise<void>
  #isClosed = false

  constructor(world: Pick<World, 'clock' | 'digest'>, options: PairLogOptions) {
    this.#world = world
    this.#options = options
    this.#sides = options.from.sides
    this.#reached = options.from.position
    this.#recalled = this.#recall()
  }

  readonly sides = (): LogSides => this.#sides
  readonly reached = (): Position => this.#reached
  readonly reads = (): 'own' | 'peer' | null => {
    if (this.#ownUntil === null || this.#reached.sequence < this.#ownUntil) return null
    return this.#source() === this.#options.own ? 'own' : 'peer'
  }
  readonly ownHas = (end: Sequence): void => this.#setOwnEnd(later(this.#ownEnd, end))
  readonly ownEmptied = (): void => {
    this.#verified = null
    this.#setOwnEnd(start.sequence)
  }
  readonly hold = (because: string | null): void => {
    this.#held = because
  }
  readonly onCurrent = (isCurrent: boolean): void => {
    this.#isPeerCurrent = isCurrent
  }

  readonly judge = (mayGoAlone: boolean): void => {
    if (mayGoAlone === this.#mayGoAlone) return
    this.#mayGoAlone = mayGoAlone
    if (mayGoAlone) this.#gone.resolve(abandoned)
    else this.#gone = Promise.withResolvers()
    for (const follower of this.#followers) follower.reconsider()
  }

  readonly append = async (after: Position, commit: Commit): Promise<AppendResult> => {
    if (this.#held !== null) return unavailable(this.#held)
    if (this.#ownUntil === null) await Promise.race([this.#recalled, this.#pause(recallMs)])
    if (this.#ownUntil === null) return unavailable('the own copy of the log has not been looked through yet')
    if (after.sequence > this.#reached.sequence) await this.#read(after)
    if (after.sequence !== this.#reached.sequence || after.hash !== this.#reached.hash) return conflict
    const message = { commit, bytes: encodeCommit(commit, after.hash) }
    const { own, peer, me } = this.#options
    const { isAlone, head } = this.#sides
    let result: AppendResult
    const headSide = head === me ? own : peer
    const tail = head === me ? peer : own
    if (isAlone && !this.#endsAlone(message)) result = await this.#putAlone(headSide, after, message)
    // From here on everybody reads the tail: it must be the same up to here, which only its hash says.
    else if (isAlone && !(await this.#holds(tail, after)))
      result = unavailable(`the copy of ${tail.voter} lacks commit ${after.sequence}`)
    else if (!isAlone && this.#mayGoAlone) result = await this.#goAlone(after, message)
    // On the own copy it says that this server went on alone: it stands there only if that was so.
    else if (!isAlone && declaresDown(commit, peer.voter)) result = unavailable('this server may not go on alone')
    else result = await this.#putOnBoth(after, message)
    if (result.result !== 'appended') return result
    this.#verified = result.position.hash
    if (!isAlone || head === me) this.#ownEnd = later(this.#ownEnd, result.position.sequence)
    this.#learn({ position: result.position, previous: after.hash, commit })
    return result
  }

  readonly follow = (after: Position, reader: LogReader): Subscription => {
    const follower = new Follower(after, reader, {
      source: () => this.#source(),
      learn: this.#learn,
    })
    this.#followers.add(follower)
    return {
      stop: () => {
        this.#followers.delete(follower)
        follower.stop()
      },
    }
  }

  readonly status = (): LogStatus => {
    const { own, peer, me } = this.#options
    const { head, isAlone } = this.#sides
    const headSide = head === me ? own : peer
    const isThere = (side: LogSide) => side.isConnected() && side.status().reachable
    const reachable = isThere(headSide) && (isAlone || (isThere(own) && isThere(peer)))
    const last = Math.max(this.#reached.sequence, reachable ? (this.#source()?.status().last ?? 0) : 0)
    const isCurrent = (side: LogSide) => side === headSide || (isAlone ? this.#isPeerCurrent : isThere(side))
    return {
      reachable,
      leader: isThere(headSide) ? head : null,
      last: sequence(last),
      replicas: this.#options.members.map((voter) => {
        const side = voter === me ? own : peer
        return { voter, current: isThere(side) && isCurrent(side) }
      }),
    }
  }

  /** The head follows from the log, and from nothing else. */
  readonly moveLeader = async (): Promise<void> => {}

  readonly close = async (): Promise<void> => {
    this.#isClosed = true
    for (const follower of this.#followers) follower.stop()
    this.#followers.clear()
    await this.#options.own.close()
    await this.#options.peer.close()
  }

  #setOwnEnd(end: Sequence): void {
    const before = this.#source()
    this.#ownEnd = end
    if (this.#source() !== before) for (const follower of this.#followers) follower.reconsider()
  }

  async #recall(): Promise<void> {
    const { own, peer } = this.#options
    while (!this.#isClosed && this.#ownUntil === null) {
      const history = await ownHistory(own, peer.voter, this.#reached, this.#world.digest)
      this.#ownUntil = history?.until ?? null
      this.#ownEnd = history?.end ?? this.#ownEnd
      if (history === null) await this.#pause(recallAgainMs)
    }
    for (const follower of this.#followers) follower.reconsider()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.clock.after(ms, resolve)
    })
  }

  /** Where everything that stands is to be read, and nothing else; null = not known yet. */
  #source(): LogSide | null {
    const { own, peer, me } = this.#options
    const { isAlone, head } = this.#sides
    if (this.#ownUntil === null) return null
    if (this.#reached.sequence < this.#ownUntil) return own
    // Long ago it was alone, or its disk is new: what it lost is on the other copy, as far as that goes.
    const isOwnLost = this.#ownEnd < this.#reached.sequence
    if (isAlone) return head === me && !isOwnLost ? own : peer
    if (this.#mayGoAlone) return own
    return head === me ? peer : own
  }

  /** The one commit that a server may put on its own copy alone; everything else waits until it stands. */
  async #goAlone(after: Position, message: Message): Promise<AppendResult> {
    const { own, peer } = this.#options
    if (!declaresDown(message.commit, peer.voter)) return abandoned
    // A copy that is not complete up to here must not become the log.
    if (!(await this.#holds(own, after))) return unavailable(`the copy of ${own.voter} lacks commit ${after.sequence}`)
    return this.#mayGoAlone ? await own.put(after, message) : unavailable('the other server is back')
  }

  /** Whether that copy has exactly what was read up to `position`. */
  async #holds(side: LogSide, position: Position): Promise<boolean> {
    // A log begins on two empty copies; where one is not, it has begun, and this server only does not know it yet.
    if (position.sequence === start.sequence)
      return (await this.#options.own.end()) === 0 && (await this.#options.peer.end()) === 0
    const there = await side.at(position.sequence)
    return typeof there !== 'string' && this.#world.digest(there.bytes) === position.hash
  }

  async #putAlone(head: LogSide, after: Position, message: Message): Promise<AppendResult> {
    // A copy that was lost and filled again may have as many commits, and others.
    if (this.#verified === after.hash || (await this.#holds(head, after))) return head.put(after, message)
    return unavailable(`the copy of ${head.voter} lacks commit ${after.sequence}`)
  }

  async #putOnBoth(after: Position, message: Message): Promise<AppendResult> {
    const { own, peer, me } = this.#options
    const [head, tail] = this.#sides.head === me ? [own, peer] : [peer, own]
    // A copy on a new disk may have as many commits, and others: a sequence says nothing about what it counts.
    const isSame = this.#verified === after.hash || (await this.#raced(this.#holds(head, after)))
    if (isSame === null) return abandoned
    if (!isSame) return unavailable(`the copy of ${head.voter} lacks commit ${after.sequence}`)
    const first = await this.#patiently(head, head.put(after, message))
    if (first.result === 'conflict') {
      const there = await this.#raced(head.at(sequence(after.sequence + 1)))
      if (there === null) return abandoned
      if (typeof there === 'string') return conflict
      // Whoever put it there may not live to finish it.
      const found = messageOf(there.bytes)
      const finished = found === null ? conflict : await this.#finish(tail, after, found)
      return there.bytes === message.bytes ? finished : conflict
    }
    return first.result === 'appended' ? await this.#finish(tail, after, message) : first
  }

  /** The head has it; it stands once the tail has it too. */
  async #finish(tail: LogSide, after: Position, message: Message): Promise<AppendResult> {
    const second = await this.#patiently(tail, tail.put(after, message))
    if (second.result === 'appended' || second.result === 'abandoned') return second
    const there = await this.#raced(tail.at(sequence(after.sequence + 1)))
    if (there === null) return abandoned
    const isThere = typeof there !== 'string' && there.bytes === message.bytes
    const position = { sequence: sequence(after.sequence + 1), hash: this.#world.digest(message.bytes) }
    if (isThere) return { result: 'appended', position }
    const because = 'because' in second ? second.because : `the copy of ${tail.voter} has something else there`
    return unknown(`only ${this.#sides.head} has it: ${because}`)
  }

  /** The other server's answer is waited for only as long as this one may not go on without it. */
  async #patiently(side: LogSide, answer: Promise<AppendResult>): Promise<AppendResult> {
    return side === this.#options.own ? answer : Promise.race([answer, this.#gone.promise])
  }

  async #raced<T>(answer: Promise<T>): Promise<T | null> {
    return Promise.race([answer, this.#gone.promise.then(() => null)])
  }

  /** A commit after which two copies count must be on both. */
  #endsAlone({ commit }: Message): boolean {
    return commit.events.some((event) => event.type === 'LogCopyJoined')
  }

  /** What does not follow is not learned: `reached` then stays on the history that was read, for which log-copier.ts asks the other copy. */
  readonly #learn = ({ position, previous, commit }: Pick<Recorded, 'position' | 'previous' | 'commit'>): void => {
    if (position.sequence !== this.#reached.sequence + 1 || previous !== this.#reached.hash) return
    const before = this.#sides
    if (this.#source() === this.#options.own) this.#ownEnd = later(this.#ownEnd, position.sequence)
    const moment = { sequence: position.sequence, members: this.#options.members }
    this.#reached = position
    this.#sides = commit.events.reduce((sides: LogSides, event) => foldSides(sides, event, moment), before)
    for (const wake of this.#waiting) wake()
    if (this.#sides === before && position.sequence !== this.#ownUntil) return
    for (const follower of this.#followers) follower.reconsider()
  }

  /** Resolves once `position` has been read, or after a while. */
  #read(position: Position): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        this.#waiting.delete(wake)
        resolve()
      }
      const wake = () => {
        if (this.#reached.sequence >= position.sequence) end()
      }
      const cancel = this.#world.clock.after(readMs, end)
      this.#waiting.add(wake)
    })
  }
}

const later = (one: Sequence, other: Sequence): Sequence => (one > other ? one : other)

/** What stands somewhere, to be put elsewhere; null = it is no commit. */
export const messageOf = (bytes: string): Message | null => {
  try {
    return { bytes, commit: decodeCommit(bytes).commit }
  } catch {
    return null
  }
}
