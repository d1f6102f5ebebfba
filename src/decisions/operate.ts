/** One command of an operator: recorded with its outcome at once (refused, or settled already), or with what it sets in motion. */
import {
  type Command,
  type Event,
  type MonitorName,
  type OperationId,
  serverName,
  type VoterName,
} from '../events/index.ts'
import { isPair, membersOf, monitorsOf } from '../projections/configuration.ts'
import { isDummyFailing, isSuspended, monitorOf } from '../projections/monitors.ts'
import { isInService, isToStop, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { applyConfiguration } from './apply-configuration.ts'
import { missingServers } from './assign-groups.ts'
import type { Decision, Facts, Refusal } from './decision.ts'
import { confirmOff, retryFencing } from './fence-server.ts'
import { knowsServer, type Operated, operateGroup, operateResource, unknownName } from './operate-group.ts'
import { mirrorsAgainstStop, operateMirror, settledOrder } from './operate-mirror.ts'
import { operateTimeout } from './stretch-timeout.ts'
import { takeOver } from './take-over.ts'

export type Request = {
  readonly operation: OperationId
  readonly command: Command
  readonly from: VoterName
  /** Stores that the voters show now, for `readmit-voter`. */
  readonly stores: Readonly<Record<string, string>>
}

/** Always a decision: a refusal is recorded too, and changes nothing else. */
export const operate = (state: State, request: Request, facts: Facts): Decision => {
  const { operation, command, from } = request
  const requested: Event = { type: 'OperationRequested', data: { operation, command, from } }
  const answer = operated(state, request, facts)
  if ('refused' in answer) {
    const { refused, possible } = answer
    return {
      events: [requested, { type: 'OperationRefused', data: { operation, because: refused, possible } }],
      because: {},
      causedBy: null,
    }
  }
  const finished: readonly Event[] =
    answer.settled === undefined
      ? []
      : [{ type: 'OperationFinished', data: { operation, outcome: 'done', detail: answer.settled } }]
  return { events: [requested, ...answer.events, ...finished], because: answer.because, causedBy: null }
}

/** Why it would be refused now; null = it would not. Nothing is recorded. */
export const refusalOf = (state: State, request: Request, facts: Facts): Refusal | null => {
  const answer = operated(state, request, facts)
  return 'refused' in answer ? answer : null
}

const operated = (state: State, { command, stores, operation }: Request, facts: Facts): Operated => {
  switch (command.do) {
    case 'start-group':
    case 'stop-group':
    case 'move-group':
    case 'failover-group':
      return operateGroup(state, command, facts)
    case 'start-resource':
    case 'stop-resource':
      return operateResource(state, command, facts)
    case 'suspend-monitor':
    case 'resume-monitor':
    case 'enable-dummy-failure':
    case 'disable-dummy-failure':
      return operateMonitor(state, command)
    case 'start-cluster':
    case 'stop-cluster':
    case 'suspend-cluster':
    case 'resume-cluster':
    case 'skip-start-sync':
      return operateCluster(state, command.do, facts)
    case 'stop-server':
    case 'start-server':
      return operateServer(state, command, facts)
    case 'init-mirror':
    case 'resync-mirror':
    case 'force-mirror':
    case 'break-mirror':
    case 'connect-mirror':
    case 'verify-mirror':
    case 'split-mirror':
    case 'rejoin-mirror':
    case 'replace-mirror-disk':
    case 'resize-mirror':
      return operateMirror(state, command, operation, facts)
    case 'confirm-off':
      return confirmOff(state, command, facts)
    case 'fence-server':
      return retryFencing(state, command, facts)
    case 'stretch-timeout':
    case 'restore-timeout':
      return operateTimeout(state, command)
    case 'readmit-voter':
      return readmit(state, command.voter, stores[command.voter])
    case 'apply-configuration':
      return applyConfiguration(state, command)
    default:
      return command satisfies never
  }
}

type MonitorCommand = Extract<Command, { monitor: MonitorName }>

const operateMonitor = (state: State, { do: what, monitor, server }: MonitorCommand): Operated => {
  const known = state.configuration.current ? Object.keys(monitorsOf(state.configuration.current)) : []
  if (!known.includes(monitor)) return unknownName('monitor', monitor, known)
  if (server !== null && !knowsServer(state, server)) return unknownServer(state, server)
  const now = monitorOf(state.monitors, monitor)
  const where = server ?? '*'
  const isSo = {
    'suspend-monitor': isSuspended(now, where),
    'resume-monitor': !isSuspended(now, where),
    'enable-dummy-failure': isDummyFailing(now, where),
    'disable-dummy-failure': !isDummyFailing(now, where),
  }[what]
  const isPartlySo =
    server === null &&
    what !== 'suspend-monitor' &&
    what !== 'enable-dummy-failure' &&
    now.suspendedOn.length + now.dummyOn.length > 0
  if (isSo && !isPartlySo) return { events: [], because: {}, settled: `${monitor} is so already` }
  const type = (
    {
      'suspend-monitor': 'MonitorSuspended',
      'resume-monitor': 'MonitorResumed',
      'enable-dummy-failure': 'DummyFailureEnabled',
      'disable-dummy-failure': 'DummyFailureDisabled',
    } as const
  )[what]
  return { events: [{ type, data: { monitor, server } }], because: {} }
}

const unknownServer = (state: State, server: string) =>
  unknownName('server', server, state.configuration.current?.servers.map((one) => one.name) ?? [])

type ClusterCommand = 'start-cluster' | 'stop-cluster' | 'suspend-cluster' | 'resume-cluster' | 'skip-start-sync'

const operateCluster = (state: State, what: ClusterCommand, facts: Facts): Operated => {
  const { stopped, suspended, starting } = state.cluster
  const so = (settled: string): Operated => ({ events: [], because: {}, settled })
  switch (what) {
    case 'start-cluster':
      return stopped
        ? { events: [{ type: 'ClusterStarted', data: {} }], because: {} }
        : so('the cluster is started already')
    case 'stop-cluster':
      return stopped
        ? so('the cluster is stopped already')
        : { events: [{ type: 'ClusterStopping', data: {} }], because: {} }
    case 'suspend-cluster':
      return suspended
        ? so('the cluster is suspended already')
        : { events: [{ type: 'ClusterSuspended', data: {} }], because: {} }
    case 'resume-cluster':
      return suspended ? resume(state, facts) : so('the cluster is not suspended')
    case 'skip-start-sync': {
      if (!starting) return so('nothing waits for missing servers')
      const missing = [...missingServers(state)]
      return { events: [{ type: 'StartSyncEnded', data: { because: 'an operator said so', missing } }], because: {} }
    }
    default:
      return what satisfies never
  }
}

/** With what waited for it: the log of a pair whose other server is gone takes nothing but its declaration. */
const resume = (state: State, facts: Facts): Operated => {
  const resumed: Event = { type: 'ClusterResumed', data: {} }
  const after = { ...state, cluster: { ...state.cluster, suspended: false } }
  const down = isPair(state.configuration.current) ? takeOver(after, facts) : null
  return { events: [resumed, ...(down?.events ?? [])], because: down?.because ?? {} }
}

const operateServer = (
  state: State,
  { do: what, server }: Extract<Command, { do: 'stop-server' | 'start-server' }>,
  facts: Facts,
): Operated => {
  if (!knowsServer(state, server)) return unknownServer(state, server)
  const known = serverOf(state.servers, server)
  const { stopOrdered, status } = known
  if (what === 'start-server') {
    if (!stopOrdered) return { events: [], because: {}, settled: `${server} is not stopped` }
    return { events: [{ type: 'ServerStartOrdered', data: { server: serverName(server) } }], because: { status } }
  }
  if (isToStop(known)) return { events: [], because: {}, settled: `${server} is stopped already` }
  const objection = mirrorsAgainstStop(state, server, facts)
  if (objection !== null) return objection
  return { events: [{ type: 'ServerStopOrdered', data: { server: serverName(server) } }], because: { status } }
}

const readmit = (state: State, voter: VoterName, store: string | undefined): Operated => {
  const voters = membersOf(state)
  if (!voters.includes(voter)) return unknownName('voter', voter, voters)
  if (store === undefined)
    return { refused: `${voter} is not heard`, possible: `start ${voter}, so that it shows its store` }
  if (state.servers.admitted[voter] === store)
    return { events: [], because: {}, settled: `${voter} is admitted with that store` }
  return {
    events: [{ type: 'VoterAdmitted', data: { voter, store } }],
    because: { before: state.servers.admitted[voter] ?? null },
  }
}

type Settlement = { readonly outcome: 'done' | 'failed'; readonly detail: string } | null

/** Whether what was asked has come about: `done` or `failed` with a sentence, or null while it is under way. */
export const settlement = (state: State, operation: OperationId): Settlement => {
  const known = state.operations.find((one) => one.id === operation)
  if (known?.outcome !== 'under-way') return null
  const { command, sequence } = known
  const done = (detail: string) => ({ outcome: 'done' as const, detail })
  const failed = (detail: string) => ({ outcome: 'failed' as const, detail })
  if ('resource' in command) {
    const owned = state.groups[command.group]?.ownership
    const resource = owned?.status === 'assigned' ? owned.resources[command.resource] : undefined
    // With the order still open, a failure is one of before.
    const hasFailed = resource?.condition === 'activation-failed' || resource?.condition === 'deactivation-failed'
    if (resource && hasFailed && resource.restart === null) return failed(resource.because)
    if (owned?.status !== 'assigned') return failed(`${command.group} runs nowhere any more`)
    const wish = command.do === 'start-resource' ? 'online' : 'offline'
    return resource?.condition === wish && resource.restart === null ? done(`${command.resource} is ${wish}`) : null
  }
  if ('group' in command) {
    const group = state.groups[command.group]
    const owned = group?.ownership
    if (!group || !owned) return failed('the group was removed from the configuration')
    if (command.do === 'stop-group') {
      if (owned.status === 'stopped') return done(`${group.name} is stopped`)
      return group.wanted === 'started' ? failed('it was started again meanwhile') : null
    }
    if (group.wanted === 'stopped') return failed('it was stopped meanwhile')
    if (owned.status === 'stopped') return group.waiting ? failed(group.waiting.because) : null
    // A start finds the group stopped, failed (and restarts it) or starting: whatever comes of it then is the answer.
    // A move, asked again on its way, may find the commit that began it before its own.
    const isStart = command.do === 'start-group'
    const isThere = isStart || owned.epoch >= sequence || owned.server === command.server
    if (owned.phase === 'failed' && (isThere || owned.orderedBy >= sequence)) return failed(owned.because)
    return owned.phase === 'online' && isThere ? done(`${group.name} is online on ${owned.server}`) : null
  }
  if ('mirror' in command) return settledOrder(state, command, sequence)
  return settledElsewhere(state, command, done)
}

const settledElsewhere = (
  state: State,
  command: Exclude<Command, { group: unknown } | { mirror: unknown }>,
  done: (detail: string) => { outcome: 'done'; detail: string },
): Settlement => {
  const groups = Object.values(state.groups)
  switch (command.do) {
    case 'stop-cluster':
      return groups.every(({ ownership }) => ownership.status === 'stopped') ? done('every group is stopped') : null
    case 'start-cluster': {
      const open = groups.filter(
        ({ wanted, ownership, waiting }) =>
          wanted === 'started' &&
          !waiting &&
          !(ownership.status === 'assigned' && ['online', 'failed'].includes(ownership.phase)),
      )
      return open.length === 0 ? done('every group is where it should be') : null
    }
    case 'stop-server':
      // One that awaits its return has stopped, and was started anew meanwhile.
      return isInService(serverOf(state.servers, command.server))
        ? null
        : done(`${command.server} runs nothing any more`)
    case 'start-server':
      return serverOf(state.servers, command.server).status === 'up' ? done(`${command.server} is up`) : null
    case 'fence-server':
      return settledFencing(state, command.server)
    case 'apply-configuration': {
      const busy = groups.some(
        ({ ownership }) => ownership.status === 'assigned' && ['starting', 'stopping'].includes(ownership.phase),
      )
      return busy || state.configuration.change !== null
        ? null
        : done(`version ${state.configuration.version} is in force`)
    }
    default:
      return done('recorded')
  }
}

/** A repeated attempt is over when the server is proven off, or when it failed. */
const settledFencing = (state: State, server: string): Settlement => {
  const open = state.fencing.pending[server]
  if (open) return open.attempts > 0 ? { outcome: 'failed', detail: open.lastFailure ?? 'no reason known' } : null
  const ending = state.fencing.history.findLast((one) => one.server === server)
  return {
    outcome: 'done',
    detail: ending ? `${server}: ${ending.outcome}, ${ending.detail}` : `${server} is done with`,
  }
}
