/** What the owner of a group records of it: online, stopped (and given on, rule 8), given up, or to be stopped. */
import type { Event, GroupName, ServerName } from '../events/index.ts'
import type { Next } from '../projections/groups.ts'
import { isToStop, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { isHeldBack } from './await-return.ts'
import {
  type Decision,
  type Facts,
  findGroup,
  groupsOn,
  isOwned,
  type OwnedGroup,
  together,
  withOwner,
} from './decision.ts'
import { finalAction } from './final-action.ts'
import { placeGroup } from './place-group.ts'
import { isAllOff, isAllUp, type Observed, type ObservedResource } from './plan.ts'
import { stopGroup } from './stop-group.ts'

/** The group has come up completely. Null when it has not, or when that is known. */
export const reportOnline = (
  state: State,
  name: GroupName,
  observed: Observed,
  durationMs: number,
): Decision | null => {
  const group = ownedBy(state, name)
  if (group?.ownership.phase !== 'starting' || !isAllUp(state, name, group.ownership, observed)) return null
  const { epoch, orderedBy } = group.ownership
  const adopted =
    observed.some((one) => one.group === name) && observed.every((one) => one.group !== name || one.adopted)
  return together([{ type: 'GroupOnline', data: { group: name, epoch, durationMs, adopted } }], {}, orderedBy)
}

/** Whether a stop is complete: then, and only then, the epoch is written down as stopped and `reportStopped` may follow. */
export const isStopComplete = (state: State, name: GroupName, observed: Observed): boolean => {
  const group = ownedBy(state, name)
  return group?.ownership.phase === 'stopping' && isAllOff(name, observed)
}

/** Rule 8, second step: everything is off; the next owner, if any, is named in the same commit. */
export const reportStopped = (state: State, name: GroupName, facts: Facts, durationMs: number): Decision | null => {
  const group = ownedBy(state, name)
  if (group?.ownership.phase !== 'stopping') return null
  const { epoch, orderedBy, next } = group.ownership
  const stopped: Event = { type: 'GroupStopped', data: { group: name, epoch, durationMs } }
  const goesOn = next !== null && group.wanted === 'started' && !state.cluster.stopped
  if (!goesOn) return together([stopped], {}, orderedBy)
  return together([stopped, goOn(state, group, next, facts)], { next: next.server }, orderedBy)
}

/** The server that was chosen when the stop began may not fit any more; then the choice is made anew. Nobody is given
 *  a group who cannot run it: a server that is down would keep it, since there is nothing to take over from it. */
const goOn = (state: State, { name, ownership }: OwnedGroup, next: Next, { reachable }: Facts): Event => {
  const isFit = placeGroup(state, name, { reachable, only: next.server }).chosen !== null
  const anew = isFit ? null : placeGroup(state, name, { reachable })
  const { chosen: server, verdicts } = anew ?? { chosen: next.server, verdicts: next.verdicts }
  if (server === null)
    return { type: 'GroupWaiting', data: { group: name, because: 'no server fits', verdicts: [...verdicts] } }
  const reason = next.reason === 'restart' && server !== ownership.server ? 'move' : next.reason
  return { type: 'GroupAssigned', data: { group: name, server, reason, verdicts: [...verdicts] } }
}

/**
 * A resource of it could not be activated, retries included: fail over, or stay and say why not; then the final action. What could
 * not be taken down, such as for a restart, keeps the group here, whatever its limits.
 */
export const giveUp = (state: State, name: GroupName, observed: Observed, facts: Facts): Decision | null => {
  const group = ownedBy(state, name)
  const found = findGroup(state, name)
  if (!group || !found || !['starting', 'online'].includes(group.ownership.phase)) return null
  const { epoch, orderedBy, resources } = group.ownership
  const stuck = observed.find(
    (one) => one.group === name && one.condition === 'stuck' && (one.epoch === epoch || one.since >= orderedBy),
  )
  if (stuck) return failStuck(state, group, stuck, facts)
  const failed = observed.find(
    (one) =>
      one.group === name &&
      one.condition === 'failed' &&
      one.epoch === epoch &&
      (resources[one.resource]?.restart ?? 0) <= one.since,
  )
  if (!failed) return null
  const settings = found.configuration.resources[failed.resource]?.activation
  const limit = Math.min(settings?.failovers ?? 0, maxFailovers(found.configuration.maxFailovers))
  const because = resources[failed.resource]?.because || 'it could not be activated'
  const inputs = { resource: failed.resource, because, failovers: group.failovers, limit }
  const what = `${name}/${failed.resource}`
  const stallAction = resources[failed.resource]?.stalled ? settings?.stallAction : undefined
  if (stallAction !== undefined)
    return together(
      [
        { type: 'GroupFailed', data: { group: name, epoch, because: `${failed.resource} stalled: ${because}` } },
        ...finalAction(state, group, { action: stallAction, because: `${what} stalled: ${because}` }, facts),
      ],
      { ...inputs, stallAction },
      orderedBy,
    )
  const answer = failOver(state, group, facts, { limit, failedThere: `${failed.resource} failed there` })
  if ('stopping' in answer) return together([answer.stopping], inputs, orderedBy)
  const tried = `after ${counted(1 + (settings?.retries ?? 0), 'attempt')}: ${because}; no failover: ${answer.suppressed}`
  const final = { action: settings?.finalAction ?? 'none', because: `${what} could not be started ${tried}` } as const
  return together(
    [
      {
        type: 'FailoverSuppressed',
        data: { group: name, epoch, because: answer.suppressed, verdicts: [...answer.verdicts] },
      },
      { type: 'GroupFailed', data: { group: name, epoch, because: `${failed.resource}: ${because}` } },
      ...finalAction(state, group, final, facts),
    ],
    inputs,
    orderedBy,
  )
}

/** A resource of it could not be taken down, not even by force: the group is nowhere else until it is; then the final action. */
export const giveUpStopping = (state: State, name: GroupName, observed: Observed, facts: Facts): Decision | null => {
  const group = ownedBy(state, name)
  if (group?.ownership.phase !== 'stopping') return null
  const { orderedBy } = group.ownership
  const stuck = observed.find((one) => one.group === name && one.condition === 'stuck' && one.since >= orderedBy)
  return stuck ? failStuck(state, group, stuck, facts) : null
}

const failStuck = (state: State, group: OwnedGroup, stuck: ObservedResource, facts: Facts): Decision | null => {
  const { name } = group
  const { epoch, orderedBy, phase, resources } = group.ownership
  const because = `${stuck.resource} could not be stopped: ${resources[stuck.resource]?.because ?? 'no reason known'}`
  const settings = findGroup(state, name)?.configuration.resources[stuck.resource]?.deactivation
  const stallAction = resources[stuck.resource]?.stalled ? settings?.stallAction : undefined
  const action = stallAction ?? settings?.finalAction ?? 'none'
  const tried = `after ${counted(1 + (settings?.retries ?? 0), 'attempt')} and by force`
  const why = `${name}/${because}, ${stallAction === undefined ? tried : 'in its time'}`
  // Of the final actions of a group that is being stopped already, those of the whole server are left.
  const isDone = phase === 'stopping' && action === 'stop-group'
  const final = isDone ? [] : finalAction(state, group, { action, because: why }, facts)
  return together(
    [{ type: 'GroupFailed', data: { group: name, epoch, because } }, ...final],
    { resource: stuck.resource, action },
    orderedBy,
  )
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

export const maxFailovers = (limit: number | 'unlimited'): number =>
  limit === 'unlimited' ? Number.POSITIVE_INFINITY : limit

/** Why nothing is recovered then; it is as soon as the cluster is resumed. */
export const whileSuspended = 'the cluster is suspended'

/** `exhausted`: it has failed on every server that could take it; waiting for another changes nothing. */
type FailOver =
  | { readonly stopping: Event }
  | { readonly suppressed: string; readonly verdicts: Next['verdicts']; readonly exhausted?: true }

/** The first step of a failover away from this server, or why there is none. */
export const failOver = (
  state: State,
  group: OwnedGroup,
  { reachable, me }: Facts,
  wish: { readonly limit: number; readonly failedThere: string },
): FailOver => {
  if (state.cluster.suspended) return { suppressed: whileSuspended, verdicts: [] }
  if (state.configuration.current?.groups[group.name]?.failover === 'manual')
    return { suppressed: 'its failover attribute is manual: an operator must move it', verdicts: [] }
  if (wish.limit === 0) return { suppressed: 'no failover is configured for this', verdicts: [] }
  if (group.failovers >= wish.limit) {
    const often = group.failovers === 1 ? 'once' : `${group.failovers} times`
    return { suppressed: `failed over ${often} already, the limit is ${wish.limit}`, verdicts: [] }
  }
  const failedBefore = Object.fromEntries(group.failedOn.map((server) => [server, 'it failed there before']))
  const { chosen, verdicts } = placeGroup(state, group.name, {
    reachable,
    avoid: { ...failedBefore, [me]: wish.failedThere },
  })
  if (chosen === null) {
    const others = placeGroup(state, group.name, { reachable, avoid: { [me]: wish.failedThere } })
    if (others.chosen === null) return { suppressed: 'no other healthy server', verdicts }
    return { suppressed: 'it failed on every other server already', verdicts, exhausted: true }
  }
  return { stopping: stopGroup(group, 'GROUPFAILOVER', { server: chosen, reason: 'failover', verdicts }) }
}

/** It is to stop, or a final action of it is under way: every group is to leave it. */
export const isBeingEnded = (state: State, server: ServerName): boolean =>
  isToStop(serverOf(state.servers, server)) || state.fencing.finalActions[server]?.failed === null

/** This server's groups that must leave it: the cluster or the server is to stop, or nobody wants them any more. */
export const vacate = (state: State, facts: Facts): Decision | null => {
  const isServerStopping = isBeingEnded(state, facts.me)
  const events: Event[] = []
  let after = state
  for (const group of groupsOn(state, facts.me)) {
    const mustLeave = isServerStopping || isHeldBack(state, group.name, facts.me)
    const stopping = leaving(after, group, mustLeave, facts)
    if (stopping === null) continue
    events.push(stopping.event)
    if (stopping.to !== null) after = withOwner(after, group, stopping.to)
  }
  const asked = state.operations.findLast(
    ({ outcome, command }) =>
      outcome === 'under-way' && (command.do === 'stop-cluster' || command.do === 'stop-server'),
  )
  const inputs = { clusterStopped: state.cluster.stopped, serverStopping: isServerStopping }
  return together(events, inputs, asked?.sequence ?? null)
}

/** Each group is placed knowing where those before it go. */
const leaving = (
  state: State,
  group: OwnedGroup,
  mustLeave: boolean,
  { reachable }: Facts,
): { readonly event: Event; readonly to: ServerName | null } | null => {
  const { phase } = group.ownership
  // One that could not be stopped was told to already: it would only fail again, for ever.
  if (phase === 'stopping' || (phase === 'failed' && group.ownership.factor !== null)) return null
  if (state.cluster.stopped) return { event: stopGroup(group, 'CLUSTERSHUTDOWN', null), to: null }
  if (group.wanted === 'stopped') return { event: stopGroup(group, 'GROUPSTOP', null), to: null }
  if (!mustLeave) return null
  const { chosen, verdicts } = placeGroup(state, group.name, { reachable })
  const next = chosen && { server: chosen, reason: 'move' as const, verdicts }
  return { event: stopGroup(group, 'SERVERSHUTDOWN', next), to: chosen }
}

const ownedBy = (state: State, name: GroupName): OwnedGroup | null => {
  const group = state.groups[name]
  return group && isOwned(group) ? group : null
}
