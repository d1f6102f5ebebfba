/** Rules 7 and 12 of liveness: when a server may run a group, and when it goes on with one without a lease. */
import type { Epoch, GroupName, ServerName, VoterName } from '../events/index.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { isHeldBack } from './await-return.ts'
import { isOwned } from './decision.ts'
import { keepsOnQuorumLoss } from './fencing.ts'
import type { Standing } from './plan.ts'

/** Rule 7: why this server must not run a group, or null when it may. */
export const mayNotRun = (
  ownership: { readonly server: ServerName; readonly epoch: Epoch } | null,
  me: VoterName,
  facts: { readonly isLeased: boolean; readonly hasBarrier: boolean; readonly stoppedEpoch: Epoch | undefined },
): string | null => {
  if (ownership === null || ownership.server !== me) return 'this server does not own it'
  if (!facts.isLeased) return 'this server holds no lease'
  if (!facts.hasBarrier) return 'this agent has not had a commit of its own accepted yet'
  if (facts.stoppedEpoch !== undefined && facts.stoppedEpoch >= ownership.epoch)
    return 'this epoch was reported stopped'
  return null
}

/** What one server knows when it asks what it may do with one group. */
export type Standpoint = {
  readonly me: ServerName
  readonly isLeased: boolean
  readonly hasBarrier: boolean
  readonly stoppedEpoch: Epoch | undefined
  /** Epochs of what runs of the group here. */
  readonly running: readonly Epoch[]
  /** Whether the lease that an earlier agent told the guardian of is not over; with `keep`, it never is. */
  readonly isInherited: boolean
}

/** Rule 12: a server without a lease goes on with what it runs. It starts nothing. */
export const isKept = (state: State, group: GroupName, { me, stoppedEpoch, running }: Standpoint): boolean => {
  const ownership = ownershipOf(state, group)
  if (!keepsOnQuorumLoss(state) || ownership === null || ownership.server !== me) return false
  // Declared down: it is being fenced, or would be; whatever comes of that, it must not run this any more.
  if (serverOf(state.servers, me).status !== 'up') return false
  const isOver = ownership.phase === 'stopping' || (stoppedEpoch !== undefined && stoppedEpoch >= ownership.epoch)
  // What an old fold says of another epoch says nothing about this one: the policy may have been another.
  return !isOver && running.length > 0 && running.every((epoch) => epoch === ownership.epoch)
}

/** The fold has read beyond what runs here, and it is not ours: no need to wait for anything. */
export const isKnownLost = (state: State, group: GroupName, { me, running }: Standpoint): boolean => {
  const ownership = ownershipOf(state, group)
  return running.some((epoch) => {
    if (state.position.sequence < epoch) return false
    const isDown = keepsOnQuorumLoss(state) && serverOf(state.servers, me).status !== 'up'
    return isDown || ownership === null || ownership.server !== me || ownership.epoch !== epoch
  })
}

/** Rules 7 and 12; before its first commit, what an earlier agent left goes on under the lease that it had. */
export const standingOf = (state: State, group: GroupName, at: Standpoint): Standing => {
  if (isKnownLost(state, group, at)) return 'release'
  const isUnsure = !at.hasBarrier || (!at.isLeased && !keepsOnQuorumLoss(state))
  if (isUnsure && at.isInherited) return 'hold'
  const ownership = ownershipOf(state, group)
  // It owns it from before its machine started anew: nothing of it may start, and it is on its way.
  const isOnlyToLeave = isHeldBack(state, group, at.me) && ownership?.phase !== 'stopping'
  if (mayNotRun(ownership, at.me, at) === null) return isOnlyToLeave ? 'stop' : 'run'
  return !at.isLeased && isKept(state, group, at) ? 'hold' : 'release'
}

const ownershipOf = (state: State, group: GroupName) => {
  const known = state.groups[group]
  return known && isOwned(known) ? known.ownership : null
}
