/** What time alone brings about: groups go home (failback), and failures of the past are forgotten after a healthy period. */
import { type Event, type GroupName, type ServerName, serverName } from '../events/index.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { type Decision, type Facts, groupsOn, type OwnedGroup, together } from './decision.ts'
import { placeGroup } from './place-group.ts'
import { stopGroup } from './stop-group.ts'

/** How long a group must have been online before it may be moved for comfort: never in the middle of trouble. */
const settledMs = 2000

/**
 * Failback `auto`: the first server of its list is fit again. `onlineMs`: for how long each group has been online here.
 * A group that failed at home stays away until its failovers are forgotten: it would only fail there again.
 */
export const failBack = (state: State, facts: Facts, onlineMs: (group: GroupName) => number): Decision | null => {
  if (state.cluster.suspended || state.cluster.stopped) return null
  for (const group of groupsOn(state, facts.me)) {
    const configuration = state.configuration.current?.groups[group.name]
    const [first] = configuration?.servers ?? []
    if (configuration?.failback !== 'auto' || first === undefined || first === facts.me) continue
    const home = serverName(first)
    if (group.ownership.phase !== 'online' || onlineMs(group.name) < settledMs) continue
    if (group.failovers > 0 || isWhereAnOperatorPutIt(state, group, home)) continue
    // Not only fit: the best place there is. A home that is cut off, or taken by a rival, is not worth an interruption.
    const { chosen, verdicts } = placeGroup(state, group.name, { reachable: facts.reachable })
    if (chosen !== home) continue
    return together(
      [stopGroup(group, 'GROUPMOVE', { server: home, reason: 'failback', verdicts })],
      { home, verdicts },
      null,
    )
  }
  return null
}

/** An operator's choice stands until the home server has joined anew: it was down, or stopped, since. */
const isWhereAnOperatorPutIt = (state: State, { ownership }: OwnedGroup, home: ServerName): boolean =>
  ['move', 'start'].includes(ownership.reason) && serverOf(state.servers, home).generation < Number(ownership.epoch)

/** Failover counts go back to zero after the healthy period of each group. */
export const forgetFailovers = (
  state: State,
  facts: Facts,
  onlineMs: (group: GroupName) => number,
): Decision | null => {
  const events = groupsOn(state, facts.me).flatMap(({ name, failovers, ownership }): Event[] => {
    const healthyAfter = state.configuration.current?.groups[name]?.healthyAfter ?? Number.POSITIVE_INFINITY
    const isHealthy = ownership.phase === 'online' && onlineMs(name) >= healthyAfter
    return failovers > 0 && isHealthy ? [{ type: 'FailoverCountReset', data: { group: name } }] : []
  })
  return together(events, {}, null)
}
