/** The whole cluster as the log tells it: every server, replay and view folds the same commits to the same state. */
import { type Draft, produce } from 'immer'
import {
  type ByStream,
  byStream,
  type ClusterEvent,
  type Event,
  groupName,
  type Position,
  type Recorded,
  type Sequence,
  type ServerEvent,
  type ServerName,
  serverName,
  start,
  type WallTime,
  wallTime,
} from '../events/index.ts'
import { applied, type ConfigurationState, noConfiguration, pairMembersOf } from './configuration.ts'
import { cameBack, type FencingState, foldFencing, noFencing } from './fencing.ts'
import {
  foldGroup,
  foldResource,
  freshGroup,
  type Group,
  type Groups,
  ownerBack,
  ownerGone,
  ownerRestarted,
  ownerUncertain,
} from './groups.ts'
import { foldSides, type LogSides, sidesOf } from './log-sides.ts'
import { foldMirror, type Mirrors } from './mirrors.ts'
import { foldMonitor, type Monitors } from './monitors.ts'
import { foldOperation, type Operations } from './operations.ts'
import { reservedNameIn } from './reserved-names.ts'
import { ensure, foldOrder, foldServer, type Moment, noServers, presenceOf, type Servers, serverOf } from './servers.ts'
import { heartbeatOf } from './timing.ts'

export type ClusterState = {
  readonly name: string
  readonly suspended: boolean
  readonly stopped: boolean
  /** P3: the servers come up after none was; groups wait until all are there or the wait is ended. */
  readonly starting: boolean
  /** `baton timeout-ratio`: T is so many times the configured one, since that commit, for `forMs`. */
  readonly stretch: { readonly ratio: number; readonly forMs: number; readonly sequence: Sequence } | null
}

/** Something on the log that contradicts what stood there before: kept for people, and stops decisions. */
export type Anomaly = { readonly sequence: Sequence; readonly what: string }

export type State = {
  readonly position: Position
  /** Wall clock of the latest commit. */
  readonly at: WallTime
  readonly cluster: ClusterState
  readonly configuration: ConfigurationState
  readonly servers: Servers
  /** Topology `pair`: whose copy of the log counts. */
  readonly logSides: LogSides
  readonly groups: Groups
  readonly monitors: Monitors
  readonly operations: Operations
  readonly fencing: FencingState
  readonly mirrors: Mirrors
  readonly anomalies: readonly Anomaly[]
  /** An event of newer software was met: this reader keeps what runs and decides nothing. */
  readonly watching: { readonly type: string; readonly sequence: Sequence } | null
}

export const initialState: State = {
  position: start,
  at: wallTime(0),
  cluster: { name: '', suspended: false, stopped: false, starting: true, stretch: null },
  configuration: noConfiguration,
  servers: noServers,
  logSides: sidesOf([]),
  groups: {},
  monitors: {},
  operations: [],
  fencing: noFencing,
  mirrors: {},
  anomalies: [],
  watching: null,
}

const keptAnomalies = 20

/** Folds commits; the state given stays as it was. Total: never throws, whatever stands on the log. */
export const fold = (state: State, commits: readonly Recorded[]): State =>
  produce(state, (draft) => foldInPlace(draft, commits))

/** The same fold on a state that nobody else holds: several times faster, for replay. Changes `state`. */
export const foldInPlace = (state: Draft<State> | State, commits: readonly Recorded[]): void => {
  const draft = state as Draft<State>
  for (const { position, commit } of commits) {
    const moment = { sequence: position.sequence, at: commit.at, by: commit.by }
    for (const event of commit.events) {
      const anomaly = foldEvent(draft, event, moment)
      if (anomaly !== null)
        draft.anomalies = [...draft.anomalies.slice(1 - keptAnomalies), { sequence: position.sequence, what: anomaly }]
    }
    draft.position = position
    draft.at = commit.at
  }
}

/** A state of one's own, to fold in place. */
export const freshState = (): State => structuredClone(initialState)

const foldEvent = (draft: Draft<State>, event: Event, moment: Moment): string | null => {
  const reserved = reservedNameIn(event)
  if (reserved !== null) return `${event.type} names "${reserved}", which nothing can be called`
  if (event.type === 'UnknownEvent') {
    draft.watching ??= { type: event.data.was, sequence: moment.sequence }
    return null
  }
  const members = pairMembersOf(draft.configuration.current)
  if (members !== null) draft.logSides = foldSides(draft.logSides, event, { sequence: moment.sequence, members })
  return byStream(event, folds, { draft, moment })
}

type Scene = { readonly draft: Draft<State>; readonly moment: Moment }

/** How the events of each stream change the state; each answers an anomaly, or null. */
const folds: ByStream<Scene, string | null> = {
  cluster: (event, { draft, moment }) => foldCluster(draft, event, moment),
  server: (event, { draft, moment }) => foldServerAndOwners(draft, event, moment),
  group: (event, { draft, moment }) => foldGroup(draft.groups, event, moment),
  resource: (event, { draft, moment }) => foldResource(draft.groups, event, moment),
  monitor: (event, { draft, moment }) => foldMonitor(draft.monitors, event, moment),
  operator: (event, { draft, moment }) => {
    if (event.type === 'ServerStopOrdered') foldOrder(draft.servers, event.data.server, 'stop')
    else if (event.type === 'ServerStartOrdered')
      syncingStart(draft, () => foldOrder(draft.servers, event.data.server, 'start'))
    else draft.operations = foldOperation(draft.operations, event, moment) as Draft<Operations>
    return null
  },
  mirror: (event, { draft, moment }) => foldMirror(draft.mirrors, event, moment),
  fencing: (event, { draft, moment }) => {
    const freed = foldFencing(draft.fencing, event, moment)
    if (freed) ownerGone(draft.groups, freed.server, freed.because, moment)
    return null
  },
}

const foldCluster = (draft: Draft<State>, event: ClusterEvent, moment: Moment): string | null => {
  switch (event.type) {
    case 'ClusterCreated':
      draft.cluster.name = event.data.cluster
      return null
    case 'ConfigurationApplied':
      configured(draft, event.data, moment)
      return null
    case 'ClusterSuspended':
      draft.cluster.suspended = true
      return null
    case 'ClusterResumed':
      draft.cluster.suspended = false
      return null
    case 'ClusterStopping':
      draft.cluster.stopped = true
      return null
    case 'ClusterStarted':
      draft.cluster.stopped = false
      for (const [name, group] of Object.entries(draft.groups)) {
        group.wanted = draft.configuration.current?.groups[name]?.startup === 'auto' ? 'started' : 'stopped'
        group.failovers = 0
        group.failedOn = []
      }
      return null
    case 'StartSyncEnded':
      draft.cluster.starting = false
      return null
    case 'VotersChanging':
      draft.configuration.change = { to: event.data.to, sequence: moment.sequence, acknowledgedBy: [] }
      return null
    case 'VotersChanged':
      draft.configuration.voters = event.data.voters
      draft.configuration.change = null
      return null
    case 'VotersChangeAbandoned':
      draft.configuration.change = null
      return null
    case 'TimeoutStretched':
      draft.cluster.stretch = { ...event.data, sequence: moment.sequence }
      noteTimeout(draft)
      return null
    case 'TimeoutStretchEnded':
      draft.cluster.stretch = null
      return null
    default:
      return event satisfies never
  }
}

/** What becomes of a server becomes of what it owns. */
const foldServerAndOwners = (draft: Draft<State>, event: ServerEvent, moment: Moment): string | null => {
  if (event.type === 'VotersAcknowledged') {
    const { change } = draft.configuration
    if (change?.sequence === event.data.change && !change.acknowledgedBy.includes(event.data.server))
      change.acknowledgedBy.push(event.data.server)
    return null
  }
  const foldIt = () => foldServer(draft.servers, event, moment)
  if (event.type === 'ServerJoined') return joined(draft, event.data.server, foldIt, event.data.boot, moment)
  if (event.type === 'ServerDeclaredDown' || event.type === 'ServerLeft') {
    const { server, generation } = event.data
    const because = event.type === 'ServerLeft' ? `${server} left` : `${server} was declared down`
    const isCurrent = serverOf(draft.servers, server).generation === generation
    const isOpen = draft.fencing.pending[server]?.generation === generation
    // Asked for in the same commit: what it ran may run on, so it is nobody else's yet.
    if (isCurrent && isOpen && event.type === 'ServerDeclaredDown') ownerUncertain(draft.groups, server, moment)
    else if (isCurrent) ownerGone(draft.groups, server, because, moment)
  }
  return foldIt()
}

type Applied = Extract<ClusterEvent, { type: 'ConfigurationApplied' }>['data']

/** New groups come in as their startup attribute says, also where they were there before; removed ones go once nobody owns them. */
const configured = (draft: Draft<State>, data: Applied, { sequence, at, by }: Moment): void => {
  const before = draft.configuration.current?.groups ?? {}
  const entry = { version: data.version, sequence, at, by, note: data.note }
  draft.configuration = applied(draft.configuration, data, entry) as Draft<ConfigurationState>
  for (const [name, group] of Object.entries(data.configuration.groups)) {
    const wanted = group.startup === 'auto' ? 'started' : 'stopped'
    const known = draft.groups[name]
    const isNew = known === undefined || !Object.hasOwn(before, name)
    if (known === undefined || (isNew && known.ownership.status === 'stopped'))
      draft.groups[name] = freshGroup(groupName(name), wanted, at) as Draft<Group>
    // Owned still, as what it was before: it has to be off before it may start (`apply-configuration.ts`).
    else if (isNew) known.wanted = wanted
  }
  for (const [name, group] of Object.entries(draft.groups)) {
    if (name in data.configuration.groups) continue
    if (group.ownership.status === 'stopped') delete draft.groups[name]
    else group.wanted = 'stopped'
  }
  for (const server of data.configuration.servers) ensure(draft.servers, serverName(server.name))
  const members = pairMembersOf(data.configuration)
  if (members !== null && draft.logSides.head === null) draft.logSides = sidesOf(members)
  noteTimeout(draft)
}

const noteTimeout = (draft: Draft<State>): void => {
  const { configuration } = draft
  configuration.longestMs = Math.max(configuration.longestMs, heartbeatOf(draft)?.timeout ?? 0)
}

const joined = (
  draft: Draft<State>,
  server: ServerName,
  foldIt: () => string | null,
  boot: string,
  moment: Moment,
): string | null => {
  if (serverOf(draft.servers, server).boot !== boot) ownerRestarted(draft.groups, server, moment)
  ownerBack(draft.groups, server, moment)
  cameBack(draft.fencing, server, boot, moment)
  return syncingStart(draft, foldIt)
}

/**
 * P3: the first server that comes waits for the others, until all of them are there. So does the first that returns,
 * when others are there that await their return: the groups that they may not take yet wait for them.
 */
const syncingStart = <T>(draft: Draft<State>, fold: () => T): T => {
  const there = () => Object.values(draft.servers.byName).map(presenceOf)
  const before = Math.max(0, ...there())
  const answer = fold()
  const now = Math.max(0, ...there())
  if (now > before) draft.cluster.starting = true
  const configured = draft.configuration.current?.servers ?? []
  const areAllThere = configured.every(({ name }) => presenceOf(serverOf(draft.servers, name)) === now)
  if (now > 0 && areAllThere) draft.cluster.starting = false
  return answer
}
