/** Where the log's leader should be: electing another takes seconds, so losing it must not coincide with losing a service. */
import { type LogStatus, type VoterName, voterName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { groupsOn, isOwned } from './decision.ts'

/** The voter to move the leader to, or null when it is well where it is, or nothing can be done about it now. */
export const leaderToMoveTo = (state: State, status: LogStatus, reachable: ReadonlySet<string>): VoterName | null => {
  const { current } = state.configuration
  const { leader, reachable: isWritable, replicas } = status
  // There is no better place than the witness.
  if (current === null || !isWritable || leader === null || leader === current.witness?.name) return null
  if (!isQuiet(state, reachable)) return null
  const best = bestLeader(
    state,
    current.witness?.name,
    replicas.filter((replica) => replica.current).map((replica) => replica.voter),
  )
  if (best === null || best === leader) return null
  const isBetter = burden(state, best, current.witness?.name) < burden(state, leader, current.witness?.name)
  return isBetter ? best : null
}

/** While a server is silent or a group is on its way, commits are about to be written: a leader that steps down just
 *  then makes them wait for longer than all it could ever save. */
const isQuiet = (state: State, reachable: ReadonlySet<string>): boolean =>
  Object.values(state.servers.byName).every(({ name, status }) => status !== 'up' || reachable.has(name)) &&
  Object.values(state.groups)
    .filter(isOwned)
    .every(({ ownership }) => ownership.phase === 'online' || ownership.phase === 'failed')

/** The witness, else the server that owns the least; of equals the last in the list, which the fewest groups start on. */
const bestLeader = (state: State, witness: string | undefined, candidates: readonly VoterName[]): VoterName | null => {
  const order = [
    ...(state.configuration.current?.servers ?? []).map(({ name }) => name),
    ...(witness === undefined ? [] : [witness]),
  ]
  const sorted = order
    .toReversed()
    .map((name) => voterName(name))
    .filter((name) => candidates.includes(name))
    .toSorted((a, b) => burden(state, a, witness) - burden(state, b, witness))
  return sorted[0] ?? null
}

const burden = (state: State, voter: string, witness: string | undefined): number =>
  voter === witness ? -1 : groupsOn(state, voter).length
