/**
 * What truly stands in for the other server of a pair: answers of NP targets that truly came, and what the log said to
 * whom. From it follows, past all agents, the latest moment to which a server may run anything by these.
 */
import type { Configuration, Recorded, VoterName } from '../events/index.ts'
import { pairMembersOf } from '../projections/configuration.ts'
import { foldSides, type LogSides, sidesOf } from '../projections/log-sides.ts'
import type { BeatOracle } from './beats.ts'
import type { Scheduler } from './clock.ts'

export type PairTruthParts = {
  readonly now: () => number
  readonly oracle: BeatOracle
  /** In order of priority. */
  readonly members: readonly VoterName[]
  /** T and the lease, as the slowest clock counts them, in ms. */
  readonly timeoutMs: number
  readonly leaseMs: number
  /** Between two answers, while questions are answered. */
  readonly pauseMs: number
}

type Known = {
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

export class PairTruth {
  readonly #parts: PairTruthParts
  readonly #known = new Map<string, Known>()

  constructor(parts: PairTruthParts) {
    this.#parts = parts
  }

  /** An agent began anew: by questions alone it holds no lease. */
  reborn(server: string): void {
    const known = this.#of(server)
    known.stoodInAt = Number.NEGATIVE_INFINITY
    known.bornAt = this.#parts.now()
  }

  /** A target answered what the server had asked then. */
  answered(server: string, askedAt: number): void {
    const known = this.#of(server)
    const { now, leaseMs, timeoutMs, pauseMs } = this.#parts
    const { since, last } = known.connected
    known.connected = { since: askedAt - last > pauseMs ? askedAt : since, last: askedAt }
    // Only a lease that lives is stood in for.
    if (now() > Math.max(this.#heardAt(server), known.stoodInAt) + leaseMs + toleranceMs) return
    known.stoodInAt = Math.max(known.stoodInAt, askedAt)
    known.until = Math.max(known.until, askedAt + timeoutMs)
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
): PairTruth | null => {
  const members = pairMembersOf(configuration)
  const { timeout, release, clockRateError } = configuration.heartbeat
  const rate = 1 - clockRateError / 100
  return (
    members &&
    new PairTruth({
      now: () => scheduler.now,
      oracle,
      members,
      timeoutMs: timeout / rate,
      leaseMs: (timeout - release) / rate,
      pauseMs: 2 * answerPauseOf(configuration),
    })
  )
}

/** Longer than a server may take itself for connected that is not any more: a round of questions, and the answer to it. */
export const answerPauseOf = ({ npResolution }: Configuration): number =>
  1.5 * Math.max(...[npResolution.ping, npResolution.http].map((asked) => (asked ? asked.interval + asked.timeout : 0)))
