/** Leases: until when this server may run groups, from the echoes of the voters (rules 1 and 10 of liveness). */
import { type Generation, type Instant, instant, noGeneration, type VoterName } from '../events/index.ts'
import type { Liveness, Membership } from './liveness.ts'
import { grantEnd } from './promises.ts'
import { majorityOf } from './quorum.ts'

const never = instant(Number.NEGATIVE_INFINITY)
const endless = instant(Number.POSITIVE_INFINITY)

/** When the lease of this server ends, from echoes alone; -Infinity = it never had one. */
export const leaseEnd = (l: Liveness, { voters, change }: Membership): Instant => {
  const isBound = change !== null && (l.acknowledging >= change.sequence || change.acknowledgedBy.includes(l.me))
  return isBound ? instant(Math.min(endOf(l, voters), endOf(l, change.to))) : endOf(l, voters)
}

/** The end that a majority of these voters grants, ourselves included when we vote. */
const endOf = (l: Liveness, voters: readonly VoterName[]): Instant => {
  const needed = majorityOf(voters) - (voters.includes(l.me) ? 1 : 0)
  if (needed <= 0) return endless
  // The latest time that enough of them reach. Without sorting: this is asked several times for every beat.
  let latest = never
  for (const v of voters) {
    const end = endBy(l, v)
    if (end > latest && voters.reduce((count, other) => count + (endBy(l, other) >= end ? 1 : 0), 0) >= needed)
      latest = end
  }
  return latest
}

const endBy = (l: Liveness, voter: VoterName): Instant => {
  const granted = voter === l.me ? undefined : l.grants[voter]
  return granted ? grantEnd(granted, l.timing) : never
}

/** Our own generation, as long as it may carry a lease: joined, not declared down, not renounced. */
export const liveGeneration = (l: Liveness, { generations }: Membership): Generation | null => {
  const mine = generations[l.me]
  const isGivenUp = mine === undefined || mine.generation <= Math.max(l.renounced, l.renouncing)
  return mine?.isUp && !isGivenUp && mine.generation > noGeneration ? mine.generation : null
}

/** Until when this server may run groups. A time in the past = no lease. */
export const leasedUntil = (l: Liveness, membership: Membership): Instant =>
  liveGeneration(l, membership) === null ? never : leaseEnd(l, membership)

export const holdsLease = (l: Liveness, membership: Membership, now: Instant): boolean =>
  now < leasedUntil(l, membership)

/** The change of voters that this server could count from now on without losing its lease; null = none. */
export const changeToAcknowledge = (l: Liveness, membership: Membership, now: Instant): number | null => {
  const { change } = membership
  if (change === null || change.acknowledgedBy.includes(l.me)) return null
  const bound = acknowledging(l, change.sequence)
  return holdsLease(bound, membership, now) ? change.sequence : null
}

/** From here on both lists count: before the guardian is told, and before anybody else is. */
export const acknowledging = (l: Liveness, change: number): Liveness => ({
  ...l,
  acknowledging: Math.max(l.acknowledging, change),
})
