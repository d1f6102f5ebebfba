/**
 * Who was told of whose beats, and when: noted at the links, past all agents, and looking no further into the beats than
 * at their numbers, where the same beat travels in several forms, at whose life they are of, and at what they promise. From it follows the latest moment
 * to which a server can hold a lease, until when a voter must not support its removal, and how long it has truly heard nothing.
 */
import type { BeatWords, SilencePromise as Promised } from './beat-bytes.ts'

type Sent = BeatWords & {
  readonly from: string
  readonly number: number
  readonly at: number
  /** The newest beat of each other that the sender had been told of when it sent this: what it can echo. */
  readonly told: ReadonlyMap<string, Sent>
}

/** A voter's word that it keeps silent: `until`, in true time, by the fastest clock there may be. */
export type Binding = { readonly generation: number; readonly until: number }

export type BeatOptions = {
  /** Silences that are remembered when they are over, in ms. */
  readonly longMs: number
  /** What is the same for a beat in all its forms; null where each has one form only. */
  readonly identify: ((bytes: Uint8Array) => string | null) | null
  /** Clock rates are within 1 ± this. */
  readonly clockRateError: number
  readonly wordsIn: (bytes: Uint8Array) => BeatWords
}

export type BeatListener = {
  /** `voter` promises `server` to support nothing against that generation for a while. */
  readonly promised?: (voter: string, server: string, generation: number) => void
  /** Something of `from` came to `at` that it had not been told before. */
  readonly arrived?: (at: string, from: string) => void
}

/** Of all servers together: a slow line, or a disk that stalls, brings old ones. */
const rememberedBeats = 20_000

export class BeatOracle {
  readonly #now: () => number
  readonly #sent = new WeakMap<Uint8Array, Sent>()
  readonly #counts = new Map<string, number>()
  /** By listener, then by sender. */
  readonly #told = new Map<string, Map<string, Sent>>()
  readonly #heardAt = new Map<string, Map<string, number>>()
  /** By server, then by voter: until when, at the latest, what the voter answered with a promise carries. */
  readonly #granted = new Map<string, Map<string, number>>()
  /** By server, then by voter: when the newest of its beats that the voter has answered was sent. */
  readonly #answered = new Map<string, Map<string, number>>()
  /** By voter, then by server: what binds it, the newest generation last. */
  readonly #bound = new Map<string, Map<string, Binding[]>>()
  readonly #listeners: BeatListener[] = []
  /** By listener, then by sender: until when it last was silent for `longMs` at least. */
  readonly #longSilence = new Map<string, Map<string, number>>()
  /** Answers to beats of an earlier agent count for nothing. */
  readonly #firstBeat = new Map<string, number>()
  readonly #bornAt = new Map<string, number>()
  /** Voters that know whom they serve, since their start. */
  readonly #promising = new Set<string>()
  readonly #resumedAt = new Map<string, number>()
  readonly #longMs: number
  readonly #clockRateError: number
  readonly #wordsIn: BeatOptions['wordsIn']
  readonly #identify: BeatOptions['identify']
  /** By what names a beat in all its forms; the oldest are forgotten. */
  readonly #byName = new Map<string, Sent>()

  constructor(now: () => number, { longMs, identify, clockRateError, wordsIn }: BeatOptions) {
    this.#wordsIn = wordsIn
    this.#now = now
    this.#clockRateError = clockRateError
    this.#longMs = longMs
    this.#identify = identify
  }

  readonly listen = (listener: BeatListener): void => {
    this.#listeners.push(listener)
  }

  /** The agent of a voter began anew: it has heard nothing. Of its lease it has what the one before had. */
  reborn(voter: string): void {
    this.#told.set(voter, new Map())
    this.#heardAt.set(voter, new Map())
    if (!this.#answered.has(voter)) this.#answered.set(voter, new Map())
    if (!this.#granted.has(voter)) this.#granted.set(voter, new Map())
    this.#firstBeat.set(voter, (this.#counts.get(voter) ?? 0) + 1)
    this.#longSilence.set(voter, new Map())
    this.#bornAt.set(voter, this.#now())
    this.#promising.delete(voter)
    this.#resumedAt.delete(voter)
  }

  /** It stood still since then: what it has not heard meanwhile is no silence. Before it knows T it does not know how long is long. */
  resumed(voter: string, since: number): void {
    if (!this.#promising.has(voter)) return
    for (const other of this.#counts.keys())
      if (this.#silenceAt(voter, other, since) >= this.#longMs) this.#longSilence.get(voter)?.set(other, since)
    this.#resumedAt.set(voter, this.#now())
  }

  /** The same bytes over several paths are one beat. */
  sent(from: string, bytes: Uint8Array): void {
    if (this.#sent.has(bytes)) return
    const name = this.#identify?.(bytes) ?? null
    const same = name === null ? undefined : this.#byName.get(name)
    if (same !== undefined) {
      this.#sent.set(bytes, same)
      return
    }
    const number = (this.#counts.get(from) ?? 0) + 1
    this.#counts.set(from, number)
    const told = new Map(this.#told.get(from))
    const sent = { from, number, at: this.#now(), told, ...this.#wordsIn(bytes) }
    this.#sent.set(bytes, sent)
    if (name !== null) this.#remember(name, sent)
    if (sent.promises.size > 0) this.#promising.add(from)
    for (const [server, promised] of sent.promises) this.#bind(from, server, promised)
  }

  #bind(voter: string, server: string, { generation, ms }: Promised): void {
    const heardAt = this.#heardAt.get(voter)?.get(server) ?? this.#now()
    const until = heardAt + ms / (1 + this.#clockRateError)
    const byServer = this.#bound.get(voter) ?? new Map<string, Binding[]>()
    this.#bound.set(voter, byServer)
    const before = byServer.get(server) ?? []
    const same = before.find((one) => one.generation === generation)
    const others = before.filter((one) => one !== same && one.until > this.#now())
    byServer.set(server, [...others, { generation, until: Math.max(until, same?.until ?? 0) }])
    for (const { promised } of this.#listeners) promised?.(voter, server, generation)
  }

  /** Until when the voter has promised the server to support nothing against that generation, or an older one. */
  boundUntil(voter: string, server: string, generation: number): number {
    const bindings = this.#bound.get(voter)?.get(server) ?? []
    return Math.max(
      Number.NEGATIVE_INFINITY,
      ...bindings.flatMap((one) => (one.generation <= generation ? [one.until] : [])),
    )
  }

  /** `perhaps heard`: whoever got it may take it for too old to count; what it answers may count all the same. */
  arrived(at: string, bytes: Uint8Array, how: 'heard' | 'perhaps heard' = 'heard'): void {
    const beat = this.#sent.get(bytes) ?? this.#byName.get(this.#identify?.(bytes) ?? '')
    if (beat === undefined) return
    const told = this.#told.get(at)
    const known = told?.get(beat.from)
    // An earlier life, as a clock that was set back counts them, is not listened to.
    if (known === undefined || (beat.number > known.number && beat.life >= known.life)) {
      if (how === 'heard') this.#heard(at, beat.from)
      told?.set(beat.from, beat)
    }
    const mine = beat.told.get(at)
    if (mine && mine.number >= (this.#firstBeat.get(at) ?? 0)) this.#answer(at, beat, mine)
    for (const { arrived } of this.#listeners) arrived?.(at, beat.from)
  }

  #heard(at: string, from: string): void {
    if (this.silence(at, from) >= this.#longMs) this.#longSilence.get(at)?.set(from, this.#now())
    this.#heardAt.get(at)?.set(from, this.#now())
  }

  #answer(at: string, beat: Sent, mine: Sent): void {
    raise(this.#answered.get(at), beat.from, mine.at)
    const promised = beat.promises.get(at)
    // Whoever is off by then is off before any clock lets that voter speak against it.
    if (promised) raise(this.#granted.get(at), beat.from, mine.at + promised.ms / (1 + this.#clockRateError))
  }

  #remember(name: string, sent: Sent): void {
    this.#byName.set(name, sent)
    const [oldest] = this.#byName.keys()
    if (this.#byName.size > rememberedBeats && oldest !== undefined) this.#byName.delete(oldest)
  }

  /** For how long `voter` has been told nothing new of `server`; from its own start, or end of a pause, at most. */
  silence(voter: string, server: string): number {
    return this.#silenceAt(voter, server, this.#now())
  }

  #silenceAt(voter: string, server: string, at: number): number {
    const heardAt = this.#heardAt.get(voter)?.get(server) ?? this.#bornAt.get(voter) ?? 0
    return at - Math.max(heardAt, this.#resumedAt.get(voter) ?? Number.NEGATIVE_INFINITY)
  }

  /** How long ago it was that `voter` could say that `server` had been silent for long enough; Infinity = never. */
  sinceLongSilence(voter: string, server: string): number {
    if (this.silence(voter, server) >= this.#longMs) return 0
    return this.#now() - (this.#longSilence.get(voter)?.get(server) ?? Number.NEGATIVE_INFINITY)
  }

  /** Until when, at the latest, the server may run something: by what a majority of voters has promised it. */
  grantedUntil(server: string, voters: readonly string[]): number {
    return nthOf(server, voters, this.#granted.get(server))
  }

  /** When the oldest of those beats of `server` was sent that together a majority of voters has answered. */
  answeredAt(server: string, voters: readonly string[]): number {
    return nthOf(server, voters, this.#answered.get(server))
  }

  /** Whether the newest beat of `other` that the server was told of answers one sent after `since`, and was itself. */
  haveMetSince(server: string, other: string, since: number): boolean {
    const newest = this.#told.get(server)?.get(other)
    return newest !== undefined && newest.at > since && (newest.told.get(server)?.at ?? 0) > since
  }
}

const raise = (times: Map<string, number> | undefined, name: string, time: number): void => {
  times?.set(name, Math.max(time, times.get(name) ?? Number.NEGATIVE_INFINITY))
}

/** What a majority has, the server itself included where it votes. */
const nthOf = (server: string, voters: readonly string[], times: ReadonlyMap<string, number> | undefined): number => {
  const needed = Math.floor(voters.length / 2) + 1 - (voters.includes(server) ? 1 : 0)
  if (needed <= 0) return Number.POSITIVE_INFINITY
  const all = voters.flatMap((voter) => (voter === server ? [] : [times?.get(voter) ?? Number.NEGATIVE_INFINITY]))
  return all.toSorted((a, b) => b - a)[needed - 1] ?? Number.NEGATIVE_INFINITY
}
