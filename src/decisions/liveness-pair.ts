/**
 * Topology `pair`: what stands in for the other server when it does not answer. Two voters have a majority of two, so
 * without this the death of either would stop both.
 *
 * The assumption: *at no time are two servers that do not hear each other both judged connected* by NP resolution. It
 * is a judgement and no proof; where it fails, both go on, and one of them gives up when they meet again (N6). Under it
 * neither two servers run one group, nor are two histories acknowledged:
 *
 * 1. A lease may be stood in for only as long as it lives (`standIn`): a server that has just started, stood still, or
 *    was cut off until its lease ended must hear the other, or an operator, first. So whoever holds a lease without
 *    answers has been connected, never for L without, since the last answer.
 * 2. That lasts L from when the question was asked: whoever was last connected at time c is off at c + L + R = c + T.
 * 3. A takeover needs the lease, silence of T, and to have been connected for all of T, as of a question that was asked
 *    after the last lease that we gave the other had ended: so the other was not within that time, and is off (2); nor has
 *    it taken over before, since it would have had to be connected while we were (1).
 * 4. Who is alone by the log's word stands in for itself. The log names both again only after that has run out, and
 *    while the other answers.
 * 5. A server that is heard and does not answer is not silent: nothing stands in for it, as it may do the same to us.
 */
import {
  type Generation,
  type Instant,
  instant,
  type ServerName,
  type SupportReason,
  type VoterName,
} from '../events/index.ts'
import { holdsLease } from './leases.ts'
import { type Liveness, type Membership, silence } from './liveness.ts'
import { driftOf, grantEnd } from './promises.ts'

/** The pair as this server sees it. */
export type Pair = {
  readonly peer: ServerName
  /** The server that the log goes on with alone; null = it is on both. */
  readonly alone: VoterName | null
  /** Until when something stands in for the peer's answers, as far as it did so far. */
  readonly stoodIn: Instant
}

/** What this server knows of itself that may stand in for the other's voice. */
export type Judgement = {
  /** NP resolution says `connected`, by what was asked at this time or later; null = it does not. */
  readonly connectedAsOf: Instant | null
  /** For how long it has said so. */
  readonly connectedMs: number
  /** An operator vouches that the other server is off and that nothing of its log is needed. */
  readonly isOrdered: boolean
}
export const noJudgement: Judgement = { connectedAsOf: null, connectedMs: 0, isOrdered: false }

const never = instant(Number.NEGATIVE_INFINITY)
export const pairOf = (peer: ServerName): Pair => ({ peer, alone: null, stoodIn: never })

const leaseMs = ({ timing }: Liveness): number => timing.timeoutMs - timing.releaseMs
const drift = ({ timing }: Liveness): number => driftOf(timing.clockRate) * timing.timeoutMs
const answeredUntil = ({ grants, timing }: Liveness, { peer }: Pair): Instant => {
  const granted = grants[peer]
  return granted ? grantEnd(granted, timing) : never
}

/** What stands in for the peer's answer to a beat of ours, and when that was sent; null = nothing does, or need not. */
const standsInSince = (l: Liveness, pair: Pair, judgement: Judgement, now: Instant): Instant | null => {
  const left = answeredUntil(l, pair) - now
  if (left >= leaseMs(l) / 2) return null
  if (pair.alone === l.me || judgement.isOrdered) return now
  const isSilent = silence(l, pair.peer, now) >= leaseMs(l) / 4
  return pair.alone === null && left > 0 && isSilent ? judgement.connectedAsOf : null
}

/** Extends the peer's last grant by what stands in for it, once its answers are getting old. */
export const standIn = (
  l: Liveness,
  pair: Pair,
  judgement: Judgement,
  now: Instant,
): { readonly liveness: Liveness; readonly pair: Pair } => {
  const sentAt = standsInSince(l, pair, judgement, now)
  const until = sentAt === null ? never : instant(sentAt + leaseMs(l))
  if (sentAt === null || until <= answeredUntil(l, pair)) return { liveness: l, pair }
  const liveness = { ...l, grants: { ...l.grants, [pair.peer]: { sentAt, promisedMs: l.timing.timeoutMs } } }
  return { liveness, pair: { ...pair, stoodIn: until } }
}

type Supporter = { readonly voter: ServerName; readonly reason: SupportReason }
type Removal = { readonly server: ServerName; readonly generation: Generation; readonly now: Instant }

/** What counts as the peer's own support of its removal, where this server has supported exactly that. */
export const standInSupport = (
  l: Liveness,
  pair: Pair,
  judgement: Judgement,
  { server, generation, now }: Removal,
): readonly Supporter[] => {
  const own = l.supports[server]
  if (server !== pair.peer || own?.generation !== generation) return []
  const because = (reason: SupportReason): readonly Supporter[] => [{ voter: server, reason }]
  if (own.reason === 'renounced') return because('renounced')
  if (pair.alone === l.me) return because('alone')
  if (judgement.isOrdered) return because('operator')
  const { connectedAsOf, connectedMs } = judgement
  // Rule 10: the other may still go by a longer T, as the promises that this server made.
  const timeoutMs = Math.max(l.timing.timeoutMs, l.promises.durable.ms)
  const silentMs = silence(l, server, now)
  // (3) and not only until shortly before: the other may have been let in since, while its last lease lived.
  const lastHeard = now - silentMs
  const isFresh = connectedAsOf !== null && connectedAsOf >= lastHeard + leaseMs(l) + drift(l)
  const hasBeenConnected = isFresh && connectedMs >= timeoutMs
  return pair.alone === null && hasBeenConnected && silentMs >= timeoutMs ? because('np-resolution') : []
}

/** Whether the log may go on here without the other server's copy: what the takeover commit is appended under. */
export const mayGoAlone = (
  l: Liveness,
  membership: Membership,
  { pair, judgement, now }: { readonly pair: Pair; readonly judgement: Judgement; readonly now: Instant },
): boolean => {
  const peer = membership.generations[pair.peer]
  if (pair.alone !== null || !peer?.isUp) return false
  const support = standInSupport(l, pair, judgement, { server: pair.peer, generation: peer.generation, now })
  return support.length > 0 && (judgement.isOrdered || holdsLease(l, membership, now))
}

/** Whether the log may name both servers again: the peer answers, and nothing stands in for it any more. */
export const mayRejoin = (l: Liveness, pair: Pair, now: Instant): boolean =>
  pair.alone === l.me && pair.stoodIn <= now && answeredUntil(l, pair) > now

/** Rule 9 in a pair: who is alone need not be heard by the other to join. */
export const hearersNeeded = (me: VoterName, pair: Pair | null, majority: number): number =>
  pair?.alone === me ? 1 : majority
