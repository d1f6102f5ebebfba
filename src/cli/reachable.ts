/** Whom the agent of this machine hears, itself included: where groups may go. */
import type { AgentStatus } from '../agents/control-protocol.ts'
import { heartbeatOf } from '../projections/timing.ts'

export const reachableOf = ({ state, peers, voter }: AgentStatus): ReadonlySet<string> => {
  const timeoutMs = heartbeatOf(state)?.timeout ?? 0
  const heard = peers.filter(({ heardMsAgo }) => heardMsAgo !== null && heardMsAgo < timeoutMs)
  return new Set([voter, ...heard.map((peer) => peer.voter)])
}
