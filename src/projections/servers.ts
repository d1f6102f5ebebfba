/** Which servers live, under which lease generation, and what each hears of the others. */
import type { OwnProcess, ServerEvent } from '../events/index.ts'
import {
  type Generation,
  generationOf,
  type Incarnation,
  incarnation,
  noGeneration,
  type Sequence,
  type ServerName,
  serverName,
  type WallTime,
  wallTime,
} from '../events/index.ts'

/** `at` is for people; what follows from it goes by the other two. */
export type DeathAt = { readonly at: WallTime; readonly boot: string; readonly sinceBootMs: number }

export type Server = {
  readonly name: ServerName
  /** `never`: it has not joined since the log began. `left`: stopped by its own word. */
  readonly status: 'never' | 'up' | 'down' | 'left'
  readonly generation: Generation
  readonly incarnation: Incarnation
  readonly boot: string
  readonly since: WallTime
  /** `baton server stop`: it takes no groups and leaves when it has none, until `server start`. */
  readonly stopOrdered: boolean
  /** Told to stop, and there again since its machine has started anew: it takes management groups alone until `server start`. */
  readonly awaitsReturn: boolean
  /** Paths that are lost, by peer: `{ s2: ['lan:public'] }`. */
  readonly lostPaths: Readonly<Record<string, readonly string[]>>
  /** The latest loss of a path, restored or not; lasts beyond joins. A snapshot of an earlier version has none. */
  readonly lastLoss?: { readonly peer: string; readonly path: string; readonly at: WallTime }
  /** NP resolution on that server says so. */
  readonly isCutOff: boolean
  readonly logTrouble: string | null
  /** By condition. A snapshot of an earlier version has none. */
  readonly conditions?: Readonly<Record<string, { readonly level: string; readonly because: string }>>
  /** F4: when each of our own processes died on it, oldest first, the latest `keptDeaths`. */
  readonly deaths?: Readonly<Partial<Record<OwnProcess, readonly DeathAt[]>>>
}

/** `admitted`: store ids that voters' words are believed from (rule 3). */
export type Servers = {
  readonly byName: Readonly<Record<string, Server>>
  readonly admitted: Readonly<Record<string, string>>
}

/** As many as a configuration may ask for. */
const keptDeaths = 99

export const noServers: Servers = { byName: {}, admitted: {} }

export const unknownServer = (name: ServerName): Server => ({
  name,
  status: 'never',
  generation: noGeneration,
  incarnation: incarnation(0),
  boot: '',
  since: wallTime(0),
  stopOrdered: false,
  awaitsReturn: false,
  lostPaths: {},
  isCutOff: false,
  logTrouble: null,
})

export const serverOf = (servers: Servers, name: string): Server =>
  servers.byName[name] ?? unknownServer(serverName(name))

/** Up, and not only for management groups. */
export const isInService = ({ status, awaitsReturn }: Server): boolean => status === 'up' && !awaitsReturn

/** How far it is in the cluster: not at all, for management groups, for all groups. */
export const presenceOf = (server: Server): number => (server.status !== 'up' ? 0 : isInService(server) ? 2 : 1)

/** It is to give up everything and leave; or has, and has not come back since. */
export const isToStop = ({ stopOrdered, awaitsReturn }: Server): boolean => stopOrdered && !awaitsReturn

/** Everything a reducer may know beside the event itself. */
export type Moment = { readonly sequence: Sequence; readonly at: WallTime; readonly by: string }

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends Readonly<Record<string, infer V>> ? Record<string, V> : T[K]
}

/** Folds one event in place. Total: what contradicts is answered as an anomaly, for people. */
export const foldServer = (draft: Servers, event: ServerEvent, moment: Moment): string | null => {
  if (isOfHealth(event)) {
    foldHealth(ensure(draft, event.data.server), event, moment)
    return null
  }
  const { type, data } = event
  if (type === 'VoterAdmitted') {
    Object.assign(draft.admitted, { [data.voter]: data.store })
    return null
  }
  const server = ensure(draft, data.server)
  if (type === 'LogCopyJoined' || type === 'LogTailSetAside') return null
  if (type === 'VotersAcknowledged' || type === 'QuorumLossOutlived') return null
  if (type === 'SuspicionRaised' || type === 'LeaseLost' || type === 'BeatsDelayed') return null
  if (type === 'EmergencySuppressed') return null
  switch (type) {
    case 'ServerJoined':
      Object.assign(server, {
        status: 'up',
        generation: generationOf(moment.sequence),
        incarnation: data.incarnation,
        boot: data.boot,
        awaitsReturn: data.awaitsReturn === true && server.stopOrdered,
        since: moment.at,
        lostPaths: {},
        isCutOff: false,
        logTrouble: null,
      })
      return null
    case 'ServerDeclaredDown':
      if (data.generation !== server.generation)
        return `${data.server} declared down under generation ${data.generation}, but it has ${server.generation}`
      server.status = 'down'
      server.since = moment.at
      return null
    case 'ServerLeft':
      if (data.generation !== server.generation)
        return `${data.server} left generation ${data.generation}, but it has ${server.generation}`
      server.status = 'left'
      server.since = moment.at
      return null
    case 'PartitionLost':
      // As if an operator had stopped it: it takes nothing before one has looked.
      if (data.action === 'stop-service' && !data.practice) foldOrder(draft, data.server, 'stop')
      return null
    case 'PathLost':
      server.lastLoss = { peer: data.peer, path: data.path, at: moment.at }
      server.lostPaths[data.peer] = [...new Set([...(server.lostPaths[data.peer] ?? []), data.path])]
      return null
    case 'PathRestored':
      server.lostPaths[data.peer] = (server.lostPaths[data.peer] ?? []).filter((path) => path !== data.path)
      return null
    case 'PingTargetsLost':
    case 'ServerCutOff':
      server.isCutOff = true
      return null
    case 'PingTargetsRestored':
    case 'ServerConnected':
      server.isCutOff = false
      return null
    case 'LogTroubleSeen':
      server.logTrouble = data.trouble
      return null
    case 'LogRepaired':
      server.logTrouble = null
      return null
    default:
      return type satisfies never
  }
}

/** Whatever it was told before. */
export const foldOrder = (draft: Servers, name: ServerName, order: 'stop' | 'start'): void => {
  Object.assign(ensure(draft, name), { stopOrdered: order === 'stop', awaitsReturn: false })
}

type HealthEvent = Extract<ServerEvent, { type: 'OwnProcessDied' | 'ServerConditionFound' | 'ServerConditionEnded' }>

const isOfHealth = (event: ServerEvent): event is HealthEvent =>
  event.type === 'OwnProcessDied' || event.type === 'ServerConditionFound' || event.type === 'ServerConditionEnded'

/** What is not as it should be on a server that is up all the same. */
const foldHealth = (server: Mutable<Server>, event: HealthEvent, { at }: Moment): void => {
  switch (event.type) {
    case 'OwnProcessDied': {
      const { process, boot, sinceBootMs } = event.data
      const known = server.deaths?.[process] ?? []
      server.deaths = { ...server.deaths, [process]: [...known.slice(1 - keptDeaths), { at, boot, sinceBootMs }] }
      break
    }
    case 'ServerConditionFound': {
      const { condition, level, because } = event.data
      server.conditions = { ...server.conditions, [condition]: { level, because } }
      break
    }
    case 'ServerConditionEnded': {
      const { [event.data.condition]: _ended, ...others } = server.conditions ?? {}
      server.conditions = others
      break
    }
    default:
      event satisfies never
  }
}

/** The draft of one server, made when it is new. */
export const ensure = (draft: Servers, name: ServerName): Mutable<Server> => {
  const byName: Record<string, Server> = draft.byName
  const known = byName[name]
  if (known) return known
  const server = unknownServer(name)
  byName[name] = server
  return server
}
