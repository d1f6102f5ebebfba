/**
 * How long beats take on each path: telemetry, for people, never on the log.
 *
 * *Round trip*: each beat says of one arrival, in turn of every voter and path, which beat came by which path and how long
 * ago. Heard by that same path, it gives the time there and back by this path alone: from the sending of that beat until
 * now, less what the peer kept it. The smallest of the last few is told. It includes what both ends were slow to read.
 *
 * *Answer time*, until there is a round trip: from sending a beat until hearing, on this path, the first beat of the peer that answers it. It
 * includes how long the peer waited until its own next beat, up to an interval; and the way there is the fastest that
 * the two have, only the way back is this path's. The smallest of the last few is told: an upper bound of the round trip.
 *
 * *Late*: a beat that came after more than what the configuration expects, but before T. Time in which this process
 * stood still itself does not count against the path.
 *
 * *Lost*: every beat goes by the log servers and by each network, so a number that was passed over there did not come, or
 * came out of turn.
 */
import { type Arrival, type Beat, type Liveness, whenSent } from '../decisions/liveness.ts'
import type { BeatNumber, Incarnation, Instant, PathName, VoterName } from '../events/index.ts'

export type PathTime = {
  readonly voter: VoterName
  readonly path: PathName
  readonly heardAt: Instant
  /** Null: no beat on it has answered one of ours yet. */
  readonly answerMs: number | null
  /** Null: the peer has not said of an arrival by it yet, or its software is older than that. */
  readonly roundTripMs: number | null
  /** Late beats since this agent started, and the worst of them. */
  readonly late: number
  readonly worstMs: number
  /** That came, and whose numbers were passed over; null where not every beat is sent. */
  readonly beats: number
  readonly lost: number | null
}

export type PathTimes = {
  /** Before the beat is taken in. */
  readonly heard: (liveness: Liveness, beat: Beat, path: PathName, now: Instant) => void
  /** This process stood still until now. */
  readonly stoodStill: (now: Instant) => void
  /** What the next beat is to say of an arrival; null when nothing has come lately. */
  readonly nextArrival: (now: Instant) => Arrival | null
  readonly expect: (lateMs: number) => void
  readonly forget: (path: PathName) => void
  readonly all: () => readonly PathTime[]
}

/** Over so many answers the wait of the peer is nearly nothing in one of them. */
const samplesKept = 16
/** Longer ago, and the sender may have forgotten when it sent it. */
const freshMs = 2000
/** Peers and paths are few; what is more is not counted. */
const mostEntries = 128

/** A path to one peer. Changed in place: every beat on every path passes here. */
class Entry implements PathTime {
  readonly voter: VoterName
  readonly path: PathName
  heardAt: Instant
  late = 0
  worstMs = 0
  beats = 1
  lost: number | null
  incarnation: Incarnation
  number: BeatNumber
  /** Of our beats, the newest that it has answered. */
  #answered = 0
  readonly #samples: number[] = []
  readonly #roundTrips: number[] = []

  constructor({ from, incarnation, number }: Beat, path: PathName, now: Instant) {
    this.voter = from
    this.path = path
    this.lost = path === 'nats' || path.startsWith('lan:') ? 0 : null
    this.incarnation = incarnation
    this.number = number
    this.heardAt = now
  }

  get answerMs(): number | null {
    return this.#samples.length === 0 ? null : Math.min(...this.#samples)
  }

  get roundTripMs(): number | null {
    return this.#roundTrips.length === 0 ? null : Math.min(...this.#roundTrips)
  }

  returns(l: Liveness, { arrival }: Beat, now: Instant): void {
    if (arrival?.of !== l.me || arrival.path !== this.path || arrival.incarnation !== l.incarnation) return
    const sentAt = whenSent(l, arrival.number)
    if (sentAt === null) return
    // The peer's clock may run faster, and it rounds: a trip takes no less than nothing.
    this.#roundTrips.push(Math.max(0, now - sentAt - arrival.agoMs))
    if (this.#roundTrips.length > samplesKept) this.#roundTrips.shift()
  }

  answers(l: Liveness, { echoes }: Beat, now: Instant): void {
    const echo = echoes[l.me]
    if (echo?.incarnation !== l.incarnation || echo.number <= this.#answered) return
    const sentAt = whenSent(l, echo.number)
    if (sentAt === null) return
    this.#answered = echo.number
    this.#samples.push(now - sentAt)
    if (this.#samples.length > samplesKept) this.#samples.shift()
  }
}

export const pathTimes = (): PathTimes => {
  const entries = new Map<VoterName, Map<PathName, Entry>>()
  let count = 0
  let turn = 0
  let lateMs = Number.POSITIVE_INFINITY
  let stillUntil = Number.NEGATIVE_INFINITY

  const begin = (beat: Beat, path: PathName, now: Instant): Entry => {
    const entry = new Entry(beat, path, now)
    const ofPeer = entries.get(beat.from) ?? new Map<PathName, Entry>()
    entries.set(beat.from, ofPeer.set(path, entry))
    count += 1
    return entry
  }
  const again = (entry: Entry, { incarnation, number }: Beat, l: Liveness, now: Instant): void => {
    const isSame = entry.incarnation === incarnation
    const gapMs = isSame && entry.heardAt > stillUntil ? now - entry.heardAt : 0
    if (gapMs > lateMs && gapMs < l.timing.timeoutMs) {
      entry.late += 1
      entry.worstMs = Math.max(entry.worstMs, gapMs)
    }
    entry.beats += 1
    if (isSame && entry.lost !== null) entry.lost += number - entry.number - 1
    entry.heardAt = now
    entry.incarnation = incarnation
    entry.number = number
  }
  return {
    heard: (l, beat, path, now) => {
      const known = entries.get(beat.from)?.get(path)
      if (known === undefined && count >= mostEntries) return
      if (known?.incarnation === beat.incarnation && beat.number <= known.number) return
      const entry = known ?? begin(beat, path, now)
      if (known) again(known, beat, l, now)
      entry.answers(l, beat, now)
      entry.returns(l, beat, now)
    },
    nextArrival: (now) => {
      const fresh: Entry[] = []
      for (const ofPeer of entries.values())
        for (const entry of ofPeer.values()) if (now - entry.heardAt < freshMs) fresh.push(entry)
      turn += 1
      const next = fresh[turn % Math.max(1, fresh.length)]
      if (next === undefined) return null
      const { voter, path, incarnation, number, heardAt } = next
      return { of: voter, path, incarnation, number, agoMs: Math.round((now - heardAt) * 10) / 10 }
    },
    stoodStill: (now) => {
      stillUntil = now
    },
    expect: (ms) => {
      lateMs = ms
    },
    forget: (path) => {
      for (const ofPeer of entries.values()) if (ofPeer.delete(path)) count -= 1
    },
    all: () => [...entries.values()].flatMap((ofPeer) => [...ofPeer.values()]),
  }
}
