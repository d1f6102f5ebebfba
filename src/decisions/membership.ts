/** What the liveness rules need to know of the folded log: who votes, which generations live, whose word counts, T and R. */
import { type ServerName, serverName, type VoterName } from '../events/index.ts'
import { pairMembersOf } from '../projections/configuration.ts'
import type { State } from '../projections/state.ts'
import { heartbeatOf } from '../projections/timing.ts'
import type { Membership } from './liveness.ts'
import { type Pair, pairOf } from './liveness-pair.ts'
import type { Timing } from './promises.ts'

export const noMembers: Membership = {
  voters: [],
  change: null,
  servers: [],
  generations: {},
  admitted: {},
  longestMs: 0,
}

export const membershipOf = ({ configuration, servers }: State): Membership => {
  const { current, longestMs, voters, change } = configuration
  if (current === null) return noMembers
  return {
    voters,
    change,
    servers: current.servers.map(({ name }) => name as ServerName),
    generations: Object.fromEntries(
      Object.values(servers.byName).map(({ name, generation, status }) => [
        name,
        { generation, isUp: status === 'up' },
      ]),
    ),
    admitted: servers.admitted,
    longestMs,
  }
}

/** Null without a configuration. */
export const timingOf = (state: State): Timing | null => {
  const heartbeat = heartbeatOf(state)
  if (heartbeat === null) return null
  const { timeout, release, clockRateError } = heartbeat
  return { timeoutMs: timeout, releaseMs: release, clockRate: clockRateError / 100 }
}

/** The pair as the log tells of it; what stood in for the peer so far is not on the log. */
export const pairIn = ({ configuration, logSides }: State, me: VoterName, before: Pair | null): Pair | null => {
  const peer = pairMembersOf(configuration.current)?.find((member) => member !== me)
  if (peer === undefined) return null
  return { ...(before ?? pairOf(serverName(peer))), alone: logSides.isAlone ? logSides.head : null }
}
