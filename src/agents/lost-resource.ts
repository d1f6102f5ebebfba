/** An active resource that is gone, as the world itself tells: the finding that a monitor of it would have brought. */
import { type GroupName, monitorName, type ResourceName } from '../events/index.ts'
import { resourceMonitor } from '../projections/configuration.ts'
import type { State } from '../projections/state.ts'
import type { Finding } from './monitor-runner.ts'

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
        monitor: monitorName(`${group}.${resource}`),
        configuration: resourceMonitor(group, resource),
        verdict: 'error',
        because,
        elapsedMs: 0,
        starved: false,
        again: false,
        mayRecover: true,
      }
