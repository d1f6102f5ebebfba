/**
 * N6, the last line of defence: beats say which groups their sender holds, so two holders of one group show at the first
 * contact on any path. The rules of leases make it impossible in a quorum but for machines that hang unwatched; in a
 * pair both sides may have judged themselves connected. Both come to the same answer, each from what it hears: one stops.
 */
import type { Epoch, GroupName, Instant, ServerName } from '../events/index.ts'
import { groupName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { type Decision, groupsOn, isOwned, together } from './decision.ts'
import { stopGroup } from './stop-group.ts'

export type Holding = { readonly epoch: Epoch /** Held under this epoch since. */; readonly since: Instant }

/** What one other server says that it holds. */
export type Rival = {
  readonly server: ServerName
  readonly groups: Readonly<Record<string, Epoch>>
  /** When we sent the beat that this word answers; null = it answers none. */
  readonly answers: Instant | null
}

export type Claim = { readonly server: ServerName; readonly epoch: Epoch }

export type DoubleActivation = {
  readonly group: GroupName
  readonly winner: Claim
  readonly loser: Claim
}

export type DoubleActivationFacts = {
  readonly me: ServerName
  readonly held: Readonly<Record<string, Holding>>
  readonly rivals: readonly Rival[]
  /** The servers in order of priority. */
  readonly order: readonly ServerName[]
  /** Of two claims of one epoch, whose data is newer; null = nobody knows. The same answer on both sides. */
  readonly fresher: (group: GroupName, one: Claim, other: Claim) => ServerName | null
}

/** Groups that this server holds together with another, and which of the two has to stop. */
export const doubleActivations = ({
  me,
  held,
  rivals,
  order,
  fresher,
}: DoubleActivationFacts): readonly DoubleActivation[] =>
  Object.entries(held).flatMap(([name, holding]) =>
    rivals.flatMap((rival): readonly DoubleActivation[] => {
      const epoch = rival.groups[name]
      if (epoch === undefined || rival.server === me || !isAtTheSameTime(holding, rival, epoch)) return []
      const group = groupName(name)
      const mine = { server: me, epoch: holding.epoch }
      const theirs = { server: rival.server, epoch }
      const winner = winnerOf(group, mine, theirs, { order, fresher })
      return [{ group, winner, loser: winner === mine ? theirs : mine }]
    }),
  )

/**
 * Beats may be late: one that waited in a buffer through a partition says what was so before it.
 *   1. A newer epoch than ours was given after ours: while we hold it still, that is double however old the word is.
 *   2. An older one, or the same, counts only in answer to a beat that we sent since we hold the group.
 */
const isAtTheSameTime = (holding: Holding, { answers }: Rival, epoch: Epoch): boolean =>
  epoch > holding.epoch || (answers !== null && answers >= holding.since)

/** Newer epoch, then newer data, then priority: the same on both sides, whoever looks first. */
const winnerOf = (
  group: GroupName,
  one: Claim,
  other: Claim,
  { order, fresher }: Pick<DoubleActivationFacts, 'order' | 'fresher'>,
): Claim => {
  if (one.epoch !== other.epoch) return one.epoch > other.epoch ? one : other
  const fresh = fresher(group, one, other)
  if (fresh !== null) return fresh === one.server ? one : other
  const rank = ({ server }: Claim) => (order.includes(server) ? order.indexOf(server) : order.length)
  if (rank(one) !== rank(other)) return rank(one) < rank(other) ? one : other
  return one.server < other.server ? one : other
}

/**
 * Whose data is newer, by the log: that of the server to which it gave the epoch. Its copies of mirrors had every write
 * before that (D6), and what was acknowledged under that epoch was written there and nowhere else.
 *   1. Invariant: the same on both sides. Both hold the epoch, so both have read the log that far; where it has taken
 *      the epoch back since, whoever has read that holds it no longer.
 *   2. Each of a pair has gone on alone: the epoch stands in two logs, and each names its own server. Both gave it to a
 *      copy that had everything before they parted, and since then each has what the other lacks: neither is newer.
 */
export const newerData = (
  { groups, logSides }: Pick<State, 'groups' | 'logSides'>,
  group: GroupName,
  claims: readonly [Claim, Claim],
): ServerName | null => {
  const known = groups[group]
  if (logSides.isAlone || !known || !isOwned(known)) return null
  const { server, epoch } = known.ownership
  return claims.some((claim) => claim.server === server && claim.epoch === epoch) ? server : null
}

/**
 * Takes groups up anew whose owner let them go to the other server for good (rule 7d), where the log goes on that has them
 * here: which copy of a pair's log goes on is decided for all groups at once, and who stops for each of them.
 * Only once both copies count again: before that the other server may go on with what it won.
 */
export const takeUpAnew = (
  state: State,
  me: ServerName,
  stoppedEpoch: (group: string) => Epoch | undefined,
): Decision | null => {
  if (state.logSides.isAlone || state.cluster.suspended) return null
  const lost = groupsOn(state, me).filter(
    ({ name, ownership: { phase, epoch } }) =>
      (phase === 'starting' || phase === 'online') && (stoppedEpoch(name) ?? noEpoch) >= epoch,
  )
  const again = { server: me, reason: 'restart' as const, verdicts: [] }
  const events = lost.map((group) => stopGroup(group, 'GROUPRESTART', again))
  return together(events, { letGo: lost.map(({ name }) => name) }, null)
}
const noEpoch = -1
