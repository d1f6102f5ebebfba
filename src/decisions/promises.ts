/**
 * Rule 10 of liveness, first half: T, R and all else of `heartbeat` change while groups run.
 *
 * 1. An echo carries the T that it promises. A voter supports nobody's removal for silence before the latest promise
 *    that it made to it has run out, whatever T it goes by now. So every lease that rests on a promise is over first:
 *    a smaller T counts for supports once the promises of the larger one have run out, a larger one at once.
 * 2. A server counts min(promised, its own T). Voters and servers may thus read the new configuration in any order,
 *    and lag behind it for as long as they like: what they disagree about makes leases shorter, supports later.
 * 3. R is the server's own: the lease ends R before the promise does. Clocks take of R what the counted time allows
 *    them, so a shorter promise needs less of it: R(x) = R − 2ρ(T − x)/(1 + ρ) for x ≤ T. As R ≥ D + 2ρT/(1 + ρ)
 *    holds in each configuration, R(x) ≥ D + 2ρx/(1 + ρ): the inequality of what is counted, with no need for one of
 *    the mix. Leases are computed anew from what was promised whenever T or R changes, not kept as they were.
 * 4. A voter that starts does not know what it promised before. So the largest T is on disk before it is promised, and
 *    lowered there once nothing larger is outstanding; for that long after its start a voter supports nothing. A new
 *    store, which may replace one that knew more, waits for the longest T that the log ever held: it counts only once
 *    its own admission is folded, and that stands behind whatever the lost store had read.
 *
 * Before the configuration is known a voter has nobody to echo: it promises nothing, and supports nothing.
 */
import { type Instant, instant } from '../events/index.ts'
import type { Echo, Liveness, Membership } from './liveness.ts'

export type Timing = {
  /** T in ms. */
  readonly timeoutMs: number
  /** R in ms. */
  readonly releaseMs: number
  /** ρ as a fraction. */
  readonly clockRate: number
}

/** What one voter promised. `sentAt`: when the echoed beat was first sent. */
export type Granted = { readonly sentAt: Instant; readonly promisedMs: number }

/** What the disk knows: the largest T that may have been promised; `isComplete`: by any store of this voter. */
export type Promised = { readonly ms: number; readonly isComplete: boolean }

/** What a voter keeps of what it promised. */
export type Promises = {
  /** No more than this is promised. */
  readonly durable: Promised
  /** This agent's start, and what its predecessors may have promised by then. */
  readonly inherited: Promised & { readonly at: Instant }
  /** By server: until when this voter has promised to keep silent. */
  readonly until: Readonly<Record<string, Instant>>
}

export const inheritedPromises = (durable: Promised, at: Instant): Promises => ({
  durable,
  inherited: { ...durable, at },
  until: {},
})

/** 2ρ / (1 + ρ): what two clocks may drift apart in each ms. */
export const driftOf = (clockRate: number): number => (2 * clockRate) / (1 + clockRate)

/** When that grant ends, for a server that goes by `timing` now. */
export const grantEnd = ({ sentAt, promisedMs }: Granted, { timeoutMs, releaseMs, clockRate }: Timing): Instant => {
  const counted = Math.min(promisedMs, timeoutMs)
  return instant(sentAt + counted - (releaseMs - driftOf(clockRate) * (timeoutMs - counted)))
}

/** T that a voter may promise now; null = none yet. */
export const promisableMs = ({ promises, timing }: Pick<Liveness, 'promises' | 'timing'>): number | null =>
  promises.durable.ms > 0 ? Math.min(promises.durable.ms, timing.timeoutMs) : null

/** These echoes are about to be sent: from here on they bind. */
export const promise = (l: Liveness, echoes: Readonly<Record<string, Echo>>): Liveness => {
  const until: Record<string, Instant> = { ...l.promises.until }
  for (const [p, { promisedMs }] of Object.entries(echoes)) {
    const at = l.heard[p]?.at
    if (promisedMs !== null && at !== undefined)
      until[p] = instant(Math.max(until[p] ?? Number.NEGATIVE_INFINITY, at + promisedMs))
  }
  return { ...l, promises: { ...l.promises, until } }
}

/** Until when this voter must not support the removal of p for its silence. */
export const silentUntil = (l: Liveness, p: string, membership: Pick<Membership, 'longestMs'>): Instant =>
  instant(Math.max(inheritedUntil(l, membership), l.promises.until[p] ?? Number.NEGATIVE_INFINITY))

const inheritedUntil = (l: Liveness, { longestMs }: Pick<Membership, 'longestMs'>): number => {
  const { at, ms, isComplete } = l.promises.inherited
  return at + (isComplete ? ms : Math.max(ms, longestMs))
}

/** What is to be written: a larger T before it is promised, a smaller one when nothing larger is outstanding. */
export const promiseDue = (
  l: Liveness,
  membership: Pick<Membership, 'longestMs' | 'admitted'>,
  store: string,
  now: Instant,
): Promised | null => {
  const { durable, until } = l.promises
  const { timeoutMs } = l.timing
  if (timeoutMs > durable.ms) return { ...durable, ms: timeoutMs }
  if (now < inheritedUntil(l, membership)) return null
  if (!durable.isComplete) return membership.admitted[l.me] === store ? { ...durable, isComplete: true } : null
  const isOutstanding = Object.values(until).some((at) => now < at)
  return timeoutMs < durable.ms && !isOutstanding ? { ms: timeoutMs, isComplete: true } : null
}

/** From here on no more than that is promised: after a larger one is on disk, before a smaller one is written. */
export const mayPromise = (l: Liveness, durable: Promised): Liveness => ({
  ...l,
  promises: { ...l.promises, durable },
})
