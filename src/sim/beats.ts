/**
 * Who was told of whose beats, and when: noted at the links, past all agents, and looking no further into the beats than
 * at their numbers, where the same beat travels in several forms. From it
 * follows the latest moment to which a server can hold a lease, and how long a voter has truly heard nothing.
 */

type Sent = {
  readonly from: string
  readonly number: number
  readonly at: number
  /** The newest beat of each other that the sender had been told of when it sent this: what it can echo. */
  readonly told: ReadonlyMap<string, Sent>
}

export type BeatOptions = {
  /** Silences that are remembered when they are over, in ms. */
  readonly longMs: number
  /** What is the same for a beat in all its forms; null where each has one form only. */
  readonly identify: ((bytes: Uint8Array) => string | null) | null
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
  /** By server, then by voter: when the newest of its beats that the voter has answered was sent. */
  readonly #answered = new Map<string, Map<string, number>>()
  /** By listener, then by sender: until when it last was silent for `longMs` at least. */
  readonly #longSilence = new Map<string, Map<string, number>>()
  /** Answers to beats of an earlier agent count for nothing. */
  readonly #firstBeat = new Map<string, number>()
  readonly #bornAt = new Map<string, number>()
  readonly #longMs: number
  readonly #identify: BeatOptions['identify']
  /** By what names a beat in all its forms; the oldest are forgotten. */
  readonly #byName = new Map<string, Sent>()

  constructor(now: () => number, { longMs, identify }: BeatOptions) {
    this.#now = now
    this.#longMs = longMs
    this.#identify = identify
  }

  /** The agent of a voter began anew: it has heard nothing. Of its lease it has what the one before had. */
  reborn(voter: string): void {
    this.#told.set(voter, new Map())
    this.#heardAt.set(voter, new Map())
    if (!this.#answered.has(voter)) this.#answered.set(voter, new Map())
    this.#firstBeat.set(voter, (this.#counts.get(voter) ?? 0) + 1)
    this.#longSilence.set(voter, new Map())
    this.#bornAt.set(voter, this.#now())
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
    const sent = { from, number, at: this.#now(), told: new Map(this.#told.get(from)) }
    this.#sent.set(bytes, sent)
    if (name !== null) this.#remember(name, sent)
  }

  arrived(at: string, bytes: Uint8Array): void {
    const beat = this.#sent.get(bytes) ?? this.#byName.get(this.#identify?.(bytes) ?? '')
    if (beat === undefined) return
    const told = this.#told.get(at)
    const known = told?.get(beat.from)
    if (known === undefined || beat.number > known.number) {
      if (this.silence(at, beat.from) >= this.#longMs) this.#longSilence.get(at)?.set(beat.from, this.#now())
      told?.set(beat.from, beat)
      this.#heardAt.get(at)?.set(beat.from, this.#now())
    }
    const mine = beat.told.get(at)
    const answered = this.#answered.get(at)
    if (mine && answered && mine.number >= (this.#firstBeat.get(at) ?? 0))
      answered.set(beat.from, Math.max(mine.at, answered.get(beat.from) ?? Number.NEGATIVE_INFINITY))
  }

  #remember(name: string, sent: Sent): void {
    this.#byName.set(name, sent)
    const [oldest] = this.#byName.keys()
    if (this.#byName.size > rememberedBeats && oldest !== undefined) this.#byName.delete(oldest)
  }

  /** For how long `voter` has been told nothing new of `server`; from its own start at most. */
  silence(voter: string, server: string): number {
    return this.#now() - (this.#heardAt.get(voter)?.get(server) ?? this.#bornAt.get(voter) ?? 0)
  }

  /** How long ago it was that `voter` could say that `server` had been silent for long enough; Infinity = never. */
  sinceLongSilence(voter: string, server: string): number {
    if (this.silence(voter, server) >= this.#longMs) return 0
    return this.#now() - (this.#longSilence.get(voter)?.get(server) ?? Number.NEGATIVE_INFINITY)
  }

  /** When the oldest of those beats of `server` was sent that together a majority of voters has answered. */
  answeredAt(server: string, voters: readonly string[]): number {
    const needed = Math.floor(voters.length / 2) + 1 - (voters.includes(server) ? 1 : 0)
    if (needed <= 0) return Number.POSITIVE_INFINITY
    const times = voters.flatMap((voter) =>
      voter === server ? [] : [this.#answered.get(server)?.get(voter) ?? Number.NEGATIVE_INFINITY],
    )
    return times.toSorted((a, b) => b - a)[needed - 1] ?? Number.NEGATIVE_INFINITY
  }
}
