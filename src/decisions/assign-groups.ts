/** Groups that should run and belong to nobody are given to a server: at start-up, after a stop, when a server returns. */
import type { AssignReason, Event, ServerName, Verdict } from '../events/index.ts'
import type { Group } from '../projections/groups.ts'
import { presenceOf, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { awaitsAnyReturn } from './await-return.ts'
import { type Decision, type Facts, together, withOwner } from './decision.ts'
import { notHeard, placeGroup } from './place-group.ts'

/** Assigns every group that can be placed, and records (once) why another cannot. Null = nothing new. */
export const assignGroups = (state: State, facts: Facts): Decision | null => {
  const { suspended, stopped, starting } = state.cluster
  if (suspended || stopped || starting) return null
  const events: Event[] = []
  let after = state
  for (const group of Object.values(state.groups)) {
    const event = assignOne(after, group, facts)
    if (!event) continue
    events.push(event)
    if (event.type === 'GroupAssigned') after = withOwner(after, group, event.data.server)
  }
  return together(events, { reachable: [...facts.reachable] }, null)
}

const assignOne = (state: State, group: Group, facts: Facts): Event | null => {
  if (group.wanted === 'stopped' || group.ownership.status !== 'stopped') return null
  const configuration = state.configuration.current?.groups[group.name]
  if (!configuration || awaitsAnyReturn(state, group.name)) return null
  const ownerWentDown = group.ownership.because.endsWith('was declared down')
  if (ownerWentDown && configuration.failover === 'manual') return null
  const { chosen, verdicts } = placeGroup(state, group.name, { reachable: facts.reachable })
  if (chosen !== null) {
    const reason: AssignReason = ownerWentDown ? 'failover' : 'startup'
    return { type: 'GroupAssigned', data: { group: group.name, server: chosen, reason, verdicts: [...verdicts] } }
  }
  return isNews(verdicts, group.waiting?.verdicts)
    ? { type: 'GroupWaiting', data: { group: group.name, because: 'no server fits', verdicts: [...verdicts] } }
    : null
}

/**
 * Servers that do not hear each other must not contradict each other on the log without end: a verdict is compared where it
 * goes by the log on both sides. Who hears every server may say what another could not.
 */
const isNews = (verdicts: readonly Verdict[], told: readonly Verdict[] | undefined): boolean => {
  if (told === undefined || told.length !== verdicts.length) return true
  const hearsAll = verdicts.every(({ because }) => because !== notHeard)
  return verdicts.some((verdict, place) => {
    const known = told[place]
    if (verdict.server !== known?.server) return true
    if (verdict.because === notHeard || (known.because === notHeard && !hearsAll)) return false
    return verdict.because !== known.because || verdict.fit !== known.fit
  })
}

/** P3: ends the start-sync wait once it has lasted long enough. Groups then start without the missing servers. */
export const endStartSync = (state: State, waitedMs: number): Decision | null => {
  const { current } = state.configuration
  if (!state.cluster.starting || !current || waitedMs < current.startSync) return null
  const missing = missingServers(state)
  return together(
    [{ type: 'StartSyncEnded', data: { because: `waited ${Math.round(waitedMs / 1000)} s`, missing: [...missing] } }],
    { waitedMs, startSyncMs: current.startSync },
    null,
  )
}

/** Those that are not as far as the others: not there, or not in service where another is. */
export const missingServers = (state: State): readonly ServerName[] => {
  const servers = (state.configuration.current?.servers ?? []).map(({ name }) => serverOf(state.servers, name))
  const most = Math.max(1, ...servers.map(presenceOf))
  return servers.filter((server) => presenceOf(server) < most).map(({ name }) => name)
}
