/** An active resource that is gone, as the world itself tells: what a monitor of it would have found, then and afterwards. */
import {
  type GroupName,
  type MonitorConfiguration,
  monitorName,
  type ResourceName,
  type ServerName,
} from '../events/index.ts'
import { resourceMonitor } from '../projections/configuration.ts'
import { hasTakenSteps, type MonitorOnServer, monitorOn } from '../projections/monitors.ts'
import type { State } from '../projections/state.ts'
import type { Finding } from './monitor-runner.ts'
import type { MonitorDriver } from './monitors/driver.ts'

/** Null: a process that ends is the business of the process monitor, which every resident exec has. */
export const lossOf = (
  { configuration: { current } }: State,
  group: GroupName,
  resource: ResourceName,
  because: string,
): Finding | null =>
  current?.groups[group]?.resources[resource]?.type === 'exec'
    ? null
    : {
        monitor: nameOf(group, resource),
        configuration: resourceMonitor(group, resource),
        verdict: 'error',
        because,
        elapsedMs: 0,
        starved: false,
        again: false,
        mayRecover: true,
      }

const nameOf = (group: string, resource: string) => monitorName(`${group}.${resource}`)

/**
 * Of resources that were lost here before: once they are up again somebody has to say so, and that they stay up. Or else
 * the steps of their recovery would be counted for ever, and be over after a few losses in years.
 */
export const lostBefore = (
  { configuration: { current }, monitors }: Pick<State, 'configuration' | 'monitors'>,
  me: ServerName,
): Readonly<Record<string, MonitorConfiguration>> =>
  Object.fromEntries(
    Object.entries(current?.groups ?? {}).flatMap(([group, { resources }]) =>
      Object.entries(resources)
        .filter(([name, { type }]) => type !== 'exec' && isOnRecord(monitorOn(monitors, nameOf(group, name), me)))
        .map(([name]) => [nameOf(group, name), resourceMonitor(group, name)] as const),
    ),
  )

const isOnRecord = (here: MonitorOnServer): boolean => here.verdict === 'error' || hasTakenSteps(here)

/** Looked at only while it is up: whatever fells it tells so by itself. */
export const isUpDriver: MonitorDriver = { look: async () => ({ verdict: 'normal', because: 'it is up' }) }
