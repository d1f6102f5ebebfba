/**
 * What truly stands in for the other server of a pair: answers of NP targets that truly came, beats that truly were written
 * to a disk that is asked, and what the log said to whom. From it follows, past all agents, the latest moment to which a
 * server may run anything by these.
 */
import type { Configuration, Recorded, VoterName } from '../events/index.ts'
import { pairMembersOf } from '../projections/configuration.ts'
import { foldSides, type LogSides, sidesOf } from '../projections/log-sides.ts'
import type { BeatOracle } from './beats.ts'
import type { Scheduler } from './clock.ts'
import type { timeoutsOf } from './plan.ts'

export type PairTruthParts = {
  readonly now: () => number
  readonly oracle: BeatOracle
  /** In order of priority. */
  readonly members: readonly VoterName[]
  /** The largest T and the longest lease that there may be, as the slowest clock counts them, in ms. */
  readonly timeoutMs: number
  readonly leaseMs: number
  /** Between two answers, while questions are answered. */
  readonly pauseMs: number
  /** What is configured to say that a server is connected, and whether one of them is enough. */
  readonly methods: readonly Method[]
  readonly rule: 'any' | 'all'
}

/** NP targets that answer; a shared disk that takes beats. */
type Method = 'targets' | 'disk'

type Known = {
  /** As of when each method says that it is connected, since its agent began. */
  seenAt: Readonly<Record<Method, number>>
  /** When the newest question was asked that counted, since its agent began. */
  stoodInAt: number
  /** Of this and of earlier agents: what they ran they may run until then. */
  until: number
  bornAt: number
  /** Since when its questions have been answered, one after the other; and the last of them. */
  connected: { readonly since: number; readonly last: number }
  /** Which copies count, after each commit that it was told of. */
  readonly sides: LogSides[]
}

/** Of times that were rounded. */
const toleranceMs = 5
const unseen: Known['seenAt'] = { targets: Number.NEGATIVE_INFINITY, disk: Number.NEGATIVE_INFINITY }

export class PairTruth {
  readonly #parts: PairTruthParts
  readonly #known = new Map<string, Known>()

  constructor(parts: PairTruthParts) {
    this.#parts = parts
  }

  /** An agent began anew: by questions alone it holds no lease. */
  reborn(server: string): void {
    const known = this.#of(server)
    known.seenAt = unseen
    known.stoodInAt = Number.NEGATIVE_INFINITY
    known.bornAt = this.#parts.now()
  }

  /** A target answered what the server had asked then. */
  answered(server: string, askedAt: number): void {
    const known = this.#of(server)
    const { since, last } = known.connected
    known.connected = { since: askedAt - last > this.#parts.pauseMs ? askedAt : since, last: askedAt }
    this.#seen(server, 'targets', askedAt)
  }

  /** The shared disk took a beat that the server began to write then, and let itself be read after that. */
  wrote(server: string, beganAt: number): void {
    this.#seen(server, 'disk', beganAt)
  }

  told(server: string, recorded: readonly Recorded[]): void {
    const known = this.#of(server)
    const { members, now, timeoutMs } = this.#parts
    for (const { position, commit } of recorded) {
      const moment = { sequence: position.sequence, members }
      const before = known.sides[position.sequence - 1] ?? sidesOf(members)
      known.sides.length = position.sequence
      const after = commit.events.reduce((sides: LogSides, event) => foldSides(sides, event, moment), before)
      known.sides[position.sequence] = after
      // Until now it stood in for itself.
      if (before.isAlone && before.head === server) {
        known.stoodInAt = now()
        known.until = Math.max(known.until, now() + timeoutMs)
      }
    }
  }

  isAlone(server: string): boolean {
    const sides = this.#of(server).sides.at(-1)
    return sides?.isAlone === true && sides.head === server
  }

  /** For how long its questions have been answered, without a pause in between or since. */
  connectedMs(server: string): number {
    const { since, last } = this.#of(server).connected
    const { now, pauseMs } = this.#parts
    return now() - last > pauseMs ? 0 : now() - since
  }

  /** Until when it may run what it runs, by these; what beats say comes on top. */
  until(server: string): number {
    return this.isAlone(server) ? Number.POSITIVE_INFINITY : this.#of(server).until
  }

  #seen(server: string, method: Method, at: number): void {
    const { now, leaseMs, timeoutMs, methods, rule } = this.#parts
    if (!methods.includes(method)) return
    const known = this.#of(server)
    known.seenAt = { ...known.seenAt, [method]: Math.max(known.seenAt[method], at) }
    const times = methods.map((one) => known.seenAt[one])
    // One is enough, so the newest of them; but where all are needed, the oldest.
    const asOf = rule === 'any' ? Math.max(...times) : Math.min(...times)
    // Only a lease that lives is stood in for.
    if (now() > Math.max(this.#heardAt(server), known.stoodInAt) + leaseMs + toleranceMs) return
    known.stoodInAt = Math.max(known.stoodInAt, asOf)
    known.until = Math.max(known.until, asOf + timeoutMs)
  }

  #heardAt(server: string): number {
    const { oracle, members } = this.#parts
    const at = oracle.answeredAt(server, members)
    return at >= this.#of(server).bornAt ? at : Number.NEGATIVE_INFINITY
  }

  #of(server: string): Known {
    const known = this.#known.get(server)
    if (known) return known
    const never = Number.NEGATIVE_INFINITY
    const made: Known = {
      seenAt: unseen,
      stoodInAt: never,
      until: never,
      bornAt: never,
      connected: { since: never, last: never },
      sides: [],
    }
    this.#known.set(server, made)
    return made
  }
}

/** Null: no pair. */
export const pairTruthOf = (
  configuration: Configuration,
  scheduler: Scheduler,
  oracle: BeatOracle,
  { most, longestLease }: ReturnType<typeof timeoutsOf>,
): PairTruth | null => {
  const members = pairMembersOf(configuration)
  const { clockRateError } = configuration.heartbeat
  const { ping, http, disk, rule } = configuration.npResolution
  const rate = 1 - clockRateError / 100
  return (
    members &&
    new PairTruth({
      now: () => scheduler.now,
      oracle,
      members,
      timeoutMs: most / rate,
      leaseMs: longestLease / rate,
      pauseMs: 2 * answerPauseOf(configuration),
      methods: [...(ping || http ? (['targets'] as const) : []), ...(disk ? (['disk'] as const) : [])],
      rule,
    })
  )
}

/** Longer than a server may take itself for connected that is not any more: a round of questions, and the answer to it. */
export const answerPauseOf = ({ npResolution }: Configuration): number =>
  1.5 * Math.max(...[npResolution.ping, npResolution.http].map((asked) => (asked ? asked.interval + asked.timeout : 0)))
