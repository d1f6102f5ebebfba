/** An active resource that is gone, as the world itself tells: what a monitor of it would see, then and afterwards. */
import type { Observed } from '../decisions/plan.ts'
import { type MonitorConfiguration, monitorName, type ServerName } from '../events/index.ts'
import { resourceMonitor } from '../projections/configuration.ts'
import { hasTakenSteps, type MonitorOnServer, monitorOn } from '../projections/monitors.ts'
import type { State } from '../projections/state.ts'
import type { Sight } from './monitors/driver.ts'

/** A monitor that need not look: `sight` is so until what is observed is different. */
export type LossMonitor = { readonly configuration: MonitorConfiguration; readonly sight: Sight }

const isUp: Sight = { verdict: 'normal', because: 'it is up' }

/**
 * Of resources that are lost: said at every interval, for what could not be recorded or done about it at first may be later. And of those
 * that were lost here before: once they are up again somebody has to say so, and that they stay up. Or else the steps
 * of their recovery would be counted for ever, and be over after a few losses in years.
 */
export const lossMonitors = (
  { configuration: { current }, monitors }: Pick<State, 'configuration' | 'monitors'>,
  me: ServerName,
  observed: Observed,
): Readonly<Record<string, LossMonitor>> =>
  Object.fromEntries(
    Object.entries(current?.groups ?? {}).flatMap(([group, { resources }]) =>
      Object.entries(resources).flatMap(([resource, { type }]): [string, LossMonitor][] => {
        // A process that ends is the business of the process monitor, which every resident exec has.
        if (type === 'exec') return []
        const name = monitorName(`${group}.${resource}`)
        const because = observed.find((one) => one.group === group && one.resource === resource)?.lost ?? null
        if (because === null && !isOnRecord(monitorOn(monitors, name, me))) return []
        const sight: Sight = because === null ? isUp : { verdict: 'error', because }
        return [[name, { configuration: resourceMonitor(group, resource), sight }]]
      }),
    ),
  )

const isOnRecord = (here: MonitorOnServer): boolean => here.verdict === 'error' || hasTakenSteps(here)
