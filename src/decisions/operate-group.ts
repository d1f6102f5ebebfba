/** Operators' commands on groups and single resources: events, or a refusal that says what would make it possible. */
import type { Command, Event, GroupName, ServerName, Verdict } from '../events/index.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { type Facts, findGroup, isOwned, type OwnedGroup, type Refusal } from './decision.ts'
import { type Placement, placeGroup } from './place-group.ts'
import { stopGroup } from './stop-group.ts'

/** `settled`: it was so already; a retry is accepted and changes nothing. */
export type Operated =
  | {
      readonly events: readonly Event[]
      readonly because: Readonly<Record<string, unknown>>
      readonly settled?: string
    }
  | Refusal

type GroupCommand = Extract<Command, { do: 'start-group' | 'stop-group' | 'move-group' | 'failover-group' }>
type ResourceCommand = Extract<Command, { do: 'start-resource' | 'stop-resource' }>

export const operateGroup = (state: State, command: GroupCommand, facts: Facts): Operated => {
  const found = findGroup(state, command.group)
  if (!found) return unknownName('group', command.group, Object.keys(state.groups))
  switch (command.do) {
    case 'start-group':
      return startGroup(state, command.group, command.server, facts)
    case 'stop-group':
      return stopOneGroup(state, command.group, facts)
    case 'move-group':
    case 'failover-group':
      return moveGroup(state, command, facts)
    default:
      return command satisfies never
  }
}

export const unknownName = (kind: string, name: string, known: readonly string[]): Refusal => ({
  refused: `there is no ${kind} ${name}`,
  possible: known.length > 0 ? `one of: ${known.join(', ')}` : `the configuration has no ${kind} at all`,
})

/** A server that the group is never to run on: said at once, and not as a verdict about all the others. */
const notInItsList = (state: State, name: GroupName, server: ServerName | null): Refusal | null => {
  const servers = state.configuration.current?.groups[name]?.servers ?? []
  if (server === null || servers.includes(server)) return null
  return { refused: `${server} is not in the server list of ${name}`, possible: `one of: ${servers.join(', ')}` }
}

const startGroup = (state: State, name: GroupName, server: ServerName | null, facts: Facts): Operated => {
  const group = state.groups[name]
  if (!group) return unknownName('group', name, Object.keys(state.groups))
  const stranger = notInItsList(state, name, server)
  if (stranger) return stranger
  if (state.cluster.stopped) return { refused: 'the cluster is stopped', possible: 'baton cluster start' }
  const wanted: Event = { type: 'GroupWanted', data: { group: name, wanted: 'started' } }
  if (isOwned(group)) return startOwned(group, server, wanted)
  const wish = { reachable: facts.reachable, ...(server === null ? {} : { only: server }) }
  const { chosen, verdicts } = placeGroup(state, name, wish)
  if (chosen === null) return nowhere(name, verdicts, server, placeGroup(state, name, { reachable: facts.reachable }))
  return {
    events: [
      wanted,
      { type: 'GroupAssigned', data: { group: name, server: chosen, reason: 'start', verdicts: [...verdicts] } },
    ],
    because: { verdicts },
  }
}

const startOwned = (group: OwnedGroup, server: ServerName | null, wanted: Event): Operated => {
  const { phase, server: owner } = group.ownership
  if (server !== null && server !== owner)
    return {
      refused: `${group.name} is ${phase} on ${owner}`,
      possible: `baton group move ${group.name} --to ${server}`,
    }
  if (phase === 'online') return { events: [], because: {}, settled: `${group.name} is online on ${owner} already` }
  // Asked again while it comes up: nothing to record, but not done either.
  if (phase === 'starting') return { events: [], because: { phase } }
  if (phase === 'uncertain') return uncertain(group.name, owner)
  if (phase === 'stopping')
    return {
      refused: `${group.name} is being stopped on ${owner}`,
      possible: 'wait until it has stopped, then start it',
    }
  const again = { server: owner, reason: 'restart' as const, verdicts: [] }
  return { events: [wanted, stopGroup(group, 'GROUPRESTART', again)], because: { phase } }
}

/** Its owner is down, and nobody has seen it off. */
export const uncertain = (name: GroupName, owner: ServerName): Refusal => ({
  refused: `${name} is uncertain: ${owner} is down, may still run it and is not proven off`,
  possible: `baton fence retry ${owner}; or switch ${owner} off by hand, then baton server confirm-off ${owner}`,
})

/** The placement is the one without asking for a server. */
const nowhere = (
  name: GroupName,
  verdicts: readonly Verdict[],
  asked: ServerName | null,
  { chosen }: Placement,
): Refusal =>
  asked === null
    ? {
        refused: `no server can take ${name}: ${verdicts.map((one) => `${one.server}: ${one.because}`).join('; ')}`,
        possible: 'start one of these servers, or name another in the configuration',
      }
    : {
        refused: `${asked} cannot take ${name}: ${verdicts.find(({ server }) => server === asked)?.because}`,
        possible:
          chosen === null
            ? `no other server can take it either: baton group explain ${name}`
            : `${chosen} can: the same with that name, or with none`,
      }

const stopOneGroup = (state: State, name: GroupName, facts: Facts): Operated => {
  const group = state.groups[name]
  if (!group) return unknownName('group', name, Object.keys(state.groups))
  const wanted: Event = { type: 'GroupWanted', data: { group: name, wanted: 'stopped' } }
  if (!isOwned(group))
    return group.wanted === 'stopped'
      ? { events: [], because: {}, settled: `${name} is stopped already` }
      : { events: [wanted], because: {} }
  const { phase, next, server } = group.ownership
  if (phase === 'stopping') {
    // Asked again while it goes down: nothing to record, but not done either.
    if (next === null) return { events: group.wanted === 'stopped' ? [] : [wanted], because: { phase } }
    return { events: [wanted], because: { wasGoingTo: next.server } }
  }
  // Whoever proves the server off later does not start the group again.
  if (phase === 'uncertain') return { events: group.wanted === 'stopped' ? [] : [wanted], because: { phase } }
  if (!facts.reachable.has(server))
    return {
      refused: `its server ${server} is not heard`,
      possible: `wait until ${server} is declared down, or is back`,
    }
  return { events: [wanted, stopGroup(group, 'GROUPSTOP', null)], because: { phase } }
}

const moveGroup = (
  state: State,
  command: Extract<GroupCommand, { do: 'move-group' | 'failover-group' }>,
  facts: Facts,
): Operated => {
  const { group: name, server: asked } = command
  const group = state.groups[name]
  if (!group || !isOwned(group))
    return {
      refused: `${name} does not run anywhere`,
      possible: `baton group start ${name}${asked ? ` --on ${asked}` : ''}`,
    }
  const stranger = notInItsList(state, name, asked)
  if (stranger) return stranger
  const { phase, server: owner, next: underWay } = group.ownership
  const isOnItsWay = phase === 'starting' ? asked === owner : underWay !== null && asked === underWay.server
  if (phase !== 'failed' && isOnItsWay && owner !== underWay?.server && group.wanted === 'started')
    return { events: [], because: { phase } }
  if (asked === owner && phase === 'online')
    return { events: [], because: {}, settled: `${name} is online on ${owner} already` }
  if (phase === 'uncertain') return uncertain(name, owner)
  if (phase === 'starting' || phase === 'stopping')
    return {
      refused: `${name} is ${phase} on ${owner}`,
      possible: 'wait until it has settled (baton status --watch), then ask again',
    }
  if (!facts.reachable.has(owner))
    return {
      refused: `its server ${owner} is not heard`,
      possible: `wait until ${owner} is declared down: then ${name} moves by itself`,
    }
  const placement = target(state, name, owner, asked, facts)
  if (placement.chosen === null)
    return nowhere(name, placement.verdicts, asked, target(state, name, owner, null, facts))
  const isMove = command.do === 'move-group'
  const next = {
    server: placement.chosen,
    reason: isMove ? ('move' as const) : ('failover' as const),
    verdicts: placement.verdicts,
  }
  return {
    events: [
      { type: 'GroupWanted', data: { group: name, wanted: 'started' } },
      stopGroup(group, isMove ? 'GROUPMOVE' : 'GROUPFAILOVER', next),
    ],
    because: { verdicts: placement.verdicts },
  }
}

const target = (state: State, name: GroupName, owner: ServerName, asked: ServerName | null, facts: Facts): Placement =>
  placeGroup(state, name, {
    reachable: facts.reachable,
    avoid: { [owner]: 'it runs there now' },
    ...(asked === null ? {} : { only: asked }),
  })

export const operateResource = (state: State, command: ResourceCommand, facts: Facts): Operated => {
  const found = findGroup(state, command.group)
  if (!found) return unknownName('group', command.group, Object.keys(state.groups))
  const { configuration, group } = found
  const { resource } = command
  if (!(resource in configuration.resources))
    return unknownName('resource', resource, Object.keys(configuration.resources))
  if (!isOwned(group))
    return { refused: `${group.name} does not run anywhere`, possible: `baton group start ${group.name}` }
  const { server, epoch, phase, resources } = group.ownership
  if (phase === 'uncertain') return uncertain(group.name, server)
  if (phase === 'stopping') return { refused: `${group.name} is being stopped`, possible: 'wait until it has stopped' }
  // A group that was given up is left as it is: an order for one part of it would wait for ever.
  if (phase === 'failed')
    return {
      refused: `${group.name} has failed on ${server}`,
      possible: `baton group start ${group.name}, which restarts all of it; or baton group stop ${group.name}`,
    }
  if (!facts.reachable.has(server))
    return { refused: `its server ${server} is not heard`, possible: `wait until ${server} is back` }
  const condition = resources[resource]?.condition ?? 'offline'
  const which = { group: group.name, resource, epoch }
  if (command.do === 'start-resource') {
    if (condition === 'online') return { events: [], because: {}, settled: `${resource} is online already` }
    return { events: [{ type: 'ResourceStartOrdered', data: which }], because: { condition } }
  }
  if (resources[resource]?.wanted === 'off')
    return { events: [], because: {}, settled: `${resource} is stopped already` }
  const dependents = Object.keys(configuration.resources).filter(
    (one) => configuration.resources[one]?.after.includes(resource) && resources[one]?.wanted !== 'off',
  )
  if (dependents.length > 0)
    return {
      refused: `${dependents.join(', ')} needs it`,
      possible: dependents.map((one) => `baton resource stop ${group.name} ${one}`).join('; '),
    }
  return {
    events: [{ type: 'ResourceStopOrdered', data: which }],
    because: { condition },
  }
}

/** Whether a server of that name is configured: for refusals of commands that name one. */
export const knowsServer = (state: State, server: string): boolean =>
  state.configuration.current?.servers.some((one) => one.name === server) ??
  serverOf(state.servers, server).status !== 'never'
