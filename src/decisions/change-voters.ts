/**
 * Rule 10 of liveness, second half: the voters change while groups run, one change at a time.
 *
 * 1. `VotersChanging`: nothing counts otherwise yet. Leases rest on echoes of the old voters, takeovers on their supports.
 * 2. Each server whose lease would hold under the next voters as well counts both from then on (a majority of each),
 *    tells its guardian, and only then says so: `VotersAcknowledged`. Nobody loses a lease by acknowledging; a server
 *    that the next voters do not hear leaves the change in flight, which everybody can see.
 * 3. `VotersChanged`, once every server that is up has acknowledged: the next voters alone count, for everything.
 *
 * Why it is safe: until 3, every takeover has a majority of the old voters, and so has every lease. From 3 on every
 * takeover has a majority of the next voters, and so has every lease: of servers that are up, as they acknowledged; of
 * those that join later, as they run nothing before a commit of their own stands behind 3 (7c); those that were declared
 * down before hold none for good, as a majority of the old voters has barred their generation. An agent that restarts
 * after it acknowledged, and reads an old fold, starts nothing and prolongs nothing before its first own commit, which
 * stands behind its acknowledgement. To give a change up is safe at any time: every lease still has a majority of the
 * old voters. A takeover needs no majority of both: that would be for followers that hear of a change late, and here
 * nothing counts before each of them has said that it did.
 */
import { type Configuration, type Event, type ServerName, sequence, type VoterName } from '../events/index.ts'
import { votersOf } from '../projections/configuration.ts'
import type { State } from '../projections/state.ts'
import { type Decision, type Refusal, together } from './decision.ts'

const isSame = (a: readonly VoterName[], b: readonly VoterName[]): boolean =>
  a.length === b.length && a.every((voter) => b.includes(voter))

/** What a configuration that is about to be applied does to the voters; a refusal when that cannot be. */
export const changeVoters = (state: State, next: Configuration): readonly Event[] | Refusal => {
  const { voters, change } = state.configuration
  const to = votersOf(next)
  if (state.configuration.current === null || isSame(to, change?.to ?? voters)) return []
  if (change !== null) {
    if (isSame(to, voters)) return [{ type: 'VotersChangeAbandoned', data: { voters: [...voters] } }]
    const missing = unacknowledged(state)
    return {
      refused: `a change of the voters to ${change.to.join(', ')} is in flight: ${missing.join(', ')} did not acknowledge it yet`,
      possible: `wait for ${missing.join(', ')}, or take it back by applying the voters ${voters.join(', ')}`,
    }
  }
  const strangers = to.filter((voter) => state.servers.admitted[voter] === undefined)
  if (strangers.length > 0)
    return {
      refused: `${strangers.join(', ')} cannot vote: nobody has heard them yet, so their stores are not admitted`,
      possible: `start ${strangers.join(', ')} and wait until they are heard`,
    }
  return [{ type: 'VotersChanging', data: { from: [...voters], to: [...to] } }]
}

const serversUp = ({ servers }: State): readonly ServerName[] =>
  Object.values(servers.byName)
    .filter(({ status }) => status === 'up')
    .map(({ name }) => name)

/** Servers whose word a change of voters still waits for. */
export const unacknowledged = (state: State): readonly ServerName[] => {
  const { change } = state.configuration
  return change === null ? [] : serversUp(state).filter((server) => !change.acknowledgedBy.includes(server))
}

/** `counts`: the change that this server's lease rests on already. */
export const acknowledgeVoters = (state: State, me: ServerName, counts: number): Decision | null => {
  const { change } = state.configuration
  if (change === null || counts < change.sequence || !unacknowledged(state).includes(me)) return null
  const acknowledged: Event = { type: 'VotersAcknowledged', data: { server: me, change: sequence(change.sequence) } }
  return together([acknowledged], { to: change.to }, sequence(change.sequence))
}

/** The next voters alone count, once everybody who may hold a lease counts them. */
export const completeVoters = (state: State): Decision | null => {
  const { change, voters } = state.configuration
  if (change === null || unacknowledged(state).length > 0) return null
  const changed: Event = { type: 'VotersChanged', data: { from: [...voters], voters: [...change.to] } }
  return together([changed], { acknowledgedBy: change.acknowledgedBy }, sequence(change.sequence))
}
