/** What monitors say, on each server, and how far their recovery has gone. */
import type { Configuration, MonitorConfiguration } from '../events/configuration.ts'
import {
  type GroupName,
  groupName,
  type MonitorEvent,
  type MonitorVerdict,
  type ServerName,
  type WallTime,
  wallTime,
} from '../events/index.ts'
import { lossMonitorOf, monitorsOf } from './configuration.ts'
import type { Moment } from './servers.ts'
import type { State } from './state.ts'

export type MonitorOnServer = {
  readonly verdict: MonitorVerdict
  readonly because: string
  readonly since: WallTime
  /** Rungs of the recovery ladder taken since the counts were last reset. */
  readonly taken: {
    readonly script: number
    readonly restart: number
    readonly failover: number
    readonly final: number
  }
  readonly suppressed: string | null
}

/** `suspendedOn`, `dummyOn`: servers, or `*` for all. */
export type Monitor = {
  readonly suspendedOn: readonly string[]
  readonly dummyOn: readonly string[]
  readonly servers: Readonly<Record<string, MonitorOnServer>>
}
export type Monitors = Readonly<Record<string, Monitor>>

const fresh: Monitor = { suspendedOn: [], dummyOn: [], servers: {} }
const noRungs = { script: 0, restart: 0, failover: 0, final: 0 }
const freshOnServer: MonitorOnServer = {
  verdict: 'unknown',
  because: '',
  since: wallTime(0),
  taken: noRungs,
  suppressed: null,
}

export const monitorOf = (monitors: Monitors, name: string): Monitor => monitors[name] ?? fresh
export const monitorOn = (monitors: Monitors, name: string, server: string): MonitorOnServer =>
  monitors[name]?.servers[server] ?? freshOnServer
/** Its recovery has begun, and was not forgotten since. */
export const hasTakenSteps = ({ taken }: Pick<MonitorOnServer, 'taken'>): boolean =>
  Object.values(taken).some((count) => count > 0)
export const isSuspended = (monitor: Monitor, server: string): boolean => covers(monitor.suspendedOn, server)
export const isDummyFailing = (monitor: Monitor, server: string): boolean => covers(monitor.dummyOn, server)

/** Whether it may still look there. The last word of a monitor, or about a server, that was taken out is history. */
export const isInForce = ({ configuration: { current } }: Pick<State, 'configuration'>, name: string, server: string) =>
  current !== null && configuredAs(current, name) !== undefined && current.servers.some((one) => one.name === server)

const configuredAs = (current: Configuration, name: string): MonitorConfiguration | undefined =>
  monitorsOf(current)[name] ?? lossMonitorOf(current, name)

/** The group that this monitor watches only where it is, and that is not on that server: what was said last is not so now. */
export const leftBy = (
  { configuration: { current }, groups }: Pick<State, 'configuration' | 'groups'>,
  name: string,
  server: string,
): GroupName | null => {
  const monitor = current === null ? undefined : configuredAs(current, name)
  if (monitor?.when !== 'active' || !monitor.target) return null
  const ownership = groups[monitor.target.group]?.ownership
  return ownership?.status === 'assigned' && ownership.server === server ? null : groupName(monitor.target.group)
}

const covers = (list: readonly string[], server: string) => list.includes('*') || list.includes(server)
const include = (list: readonly string[], server: ServerName | null): readonly string[] => [
  ...new Set([...list, server ?? '*']),
]
const exclude = (list: readonly string[], server: ServerName | null): readonly string[] =>
  server === null ? [] : list.filter((one) => one !== server)

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** The entry of that name, made when it is new. */
const ensure = <T>(entries: Record<string, T>, name: string, make: () => T): T => {
  const known = entries[name]
  if (known !== undefined) return known
  const entry = make()
  entries[name] = entry
  return entry
}

// Made anew each time: the fold changes them in place.
const newMonitor = (): Monitor => ({ suspendedOn: [], dummyOn: [], servers: {} })
const newOnServer = (): MonitorOnServer => ({ ...freshOnServer, taken: { ...noRungs } })

/** Folds one event in place; total. */
export const foldMonitor = (monitors: Monitors, { type, data }: MonitorEvent, moment: Moment): null => {
  const monitor: Mutable<Monitor> = ensure(monitors, data.monitor, newMonitor)
  const on = (server: ServerName): Mutable<MonitorOnServer> => ensure(monitor.servers, server, newOnServer)
  switch (type) {
    case 'MonitorVerdictChanged':
      Object.assign(on(data.server), { verdict: data.verdict, because: data.because, since: moment.at })
      // What was not done about one error has been said; about the next it is said again.
      if (data.verdict !== 'error') on(data.server).suppressed = null
      return null
    case 'MonitorDelayed':
      return null
    case 'RecoveryStarted': {
      const here = on(data.server)
      here.taken = { ...here.taken, [data.action]: data.count }
      here.suppressed = null
      return null
    }
    case 'RecoverySuppressed':
      on(data.server).suppressed = data.because
      return null
    case 'RecoveryCountsReset':
      Object.assign(on(data.server), { taken: { ...noRungs }, suppressed: null })
      return null
    case 'MonitorSuspended':
      monitor.suspendedOn = include(monitor.suspendedOn, data.server)
      return null
    case 'MonitorResumed':
      monitor.suspendedOn = exclude(monitor.suspendedOn, data.server)
      return null
    case 'DummyFailureEnabled':
      monitor.dummyOn = include(monitor.dummyOn, data.server)
      return null
    case 'DummyFailureDisabled':
      monitor.dummyOn = exclude(monitor.dummyOn, data.server)
      return null
    default:
      return type satisfies never
  }
}
