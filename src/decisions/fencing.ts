/** Whether a server must be proven off before its groups may run elsewhere (F2, F4; liveness.md rule 12). */
import type { ServerName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import { groupsOn } from './decision.ts'

/**
 * `none`: its expired lease is enough. `preferred`: it is fenced first, and its groups go on without a proof when no
 * device answers. `required`: its groups stay uncertain until it is proven off.
 */
export type FenceNeed = { readonly need: 'none' | 'preferred' | 'required'; readonly because: string }

/** Rule 12: a server that loses its majority goes on; so its silence, and the end of its lease, say nothing. */
export const keepsOnQuorumLoss = ({ configuration: { current } }: State): boolean =>
  current?.heartbeat.onQuorumLoss === 'keep'

/** The condition of a takeover from `server`. A server that holds no groups is not fenced. */
export const needsFence = (state: State, server: ServerName): FenceNeed => {
  const { current } = state.configuration
  const owned = groupsOn(state, server)
  if (!current || owned.length === 0) return { need: 'none', because: 'it holds no groups' }
  const stuck = owned.flatMap(({ name, ownership }) =>
    Object.entries(ownership.resources)
      .filter(([, resource]) => resource.condition === 'deactivation-failed')
      .map(([resource]) => `${name}/${resource}`),
  )
  // F4: that it could not be stopped is known; so the end of its lease says nothing about it.
  if (stuck.length > 0) return { need: 'required', because: `${stuck.join(', ')} could not be stopped there` }
  // Rule 12: it cannot tell isolation from double failure, and goes on running in both.
  const heartbeat: { readonly interval: number; readonly onQuorumLoss?: unknown } = current.heartbeat
  if (heartbeat.onQuorumLoss === 'keep')
    return { need: 'required', because: 'heartbeat.onQuorumLoss is keep: it may run on without a quorum' }
  if (keepsOnQuorumLoss(state))
    return { need: 'required', because: 'onQuorumLoss is keep: it may run on without a lease' }
  const { policy, levels } = current.fencing
  if (policy === 'required') return { need: 'required', because: 'fencing.policy is required' }
  if (policy === 'off' || !levels[server]) return { need: 'none', because: 'its expired lease is enough' }
  return { need: 'preferred', because: 'fencing.policy is preferred' }
}
