/**
 * Rule 6: a majority of voters supports the removal of a server's current generation, so its groups move. One commit;
 * where the server must be proven off first, that commit asks for it, and its groups stay uncertain until then.
 */
import { type Event, type GroupName, noGeneration, type ServerName } from '../events/index.ts'
import { isPair } from '../projections/configuration.ts'
import { isToStop, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { type Decision, type Facts, groupsOn, type OwnedGroup, together, withOwner } from './decision.ts'
import { needsFence } from './fencing.ts'
import { placeGroup } from './place-group.ts'

/** The first server that may be declared down now, with the new assignments of its groups; null = none. */
export const takeOver = (state: State, facts: Facts): Decision | null =>
  state.cluster.suspended ? null : takeOverByOrder(state, facts)

/**
 * The same because an operator said so, who alone ends the silence of a suspended pair: without a declaration its log takes
 * nothing from one server. While the cluster is suspended the groups wait.
 */
export const takeOverByOrder = (state: State, facts: Facts): Decision | null => {
  const p = serversUp(state).find((server) => server !== facts.me && facts.supporters(server).length >= facts.majority)
  if (!p) return null
  const known = serverOf(state.servers, p)
  const { generation } = known
  if (generation === noGeneration) return null
  const supports = facts.supporters(p)
  const groups = groupsOn(state, p)
  const { need, because } = needsFence(state, p)
  // Its own durable word is a proof: everything of this generation is off, and will never run again (rule 4).
  const hasItsWord = supports.some(({ reason }) => reason === 'renounced')
  // It was told to, and has: whoever says so first, it is stopped, and nobody need look at the machine. The log of a pair
  // goes on with one server by nothing but a declaration.
  const hasLeft = hasItsWord && isToStop(known) && groups.length === 0 && !isPair(state.configuration.current)
  const down: Event = hasLeft
    ? { type: 'ServerLeft', data: { server: p, generation, reason: 'stopped' } }
    : { type: 'ServerDeclaredDown', data: { server: p, generation, supports: [...supports] } }
  if (need !== 'none' && !hasItsWord) {
    const names = groups.map(({ name }) => name)
    const fence: Event = {
      type: 'FencingRequested',
      data: { server: p, generation, groups: names, executor: facts.me, because },
    }
    return together([fence, down], { supports, majority: facts.majority, generation }, null)
  }
  const assignments = state.cluster.suspended ? [] : assignAll(state, groups, p, facts)
  return together([down, ...assignments], { supports, majority: facts.majority, generation }, null)
}

const serversUp = (state: State): readonly ServerName[] =>
  Object.values(state.servers.byName).flatMap(({ name, status }) => (status === 'up' ? [name] : []))

/** Each group is placed knowing where those before it went: exclusions hold within one takeover too. */
export const assignAll = (
  state: State,
  groups: readonly OwnedGroup[],
  p: ServerName,
  facts: Facts,
): readonly Event[] => {
  const events: Event[] = []
  let after = state
  for (const group of groups) {
    const event = reassign(after, group, p, facts)
    if (event?.type === 'GroupAssigned') after = withOwner(after, group, event.data.server)
    if (event) events.push(event)
  }
  return events
}

const reassign = (state: State, group: OwnedGroup, p: ServerName, facts: Facts): Event | null => {
  if (group.wanted === 'stopped' || state.cluster.stopped) return null
  const { name } = group
  const { chosen, verdicts } = placeGroup(state, name, {
    reachable: facts.reachable,
    avoid: { [p]: 'it is being declared down' },
  })
  const isManual = state.configuration.current?.groups[name]?.failover === 'manual'
  if (isManual) return waiting(name, 'its failover attribute is manual: an operator must start it', verdicts)
  if (chosen === null) return waiting(name, 'no server fits', verdicts)
  return { type: 'GroupAssigned', data: { group: name, server: chosen, reason: 'failover', verdicts: [...verdicts] } }
}

const waiting = (group: GroupName, because: string, verdicts: ReturnType<typeof placeGroup>['verdicts']): Event => ({
  type: 'GroupWaiting',
  data: { group, because, verdicts: [...verdicts] },
})
