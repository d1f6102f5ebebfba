/** What is recorded of a monitor's finding: the change of verdict, and in the same commit the recovery it leads to. */
import type { Event, MonitorConfiguration, MonitorName, MonitorVerdict } from '../events/index.ts'
import { hasTakenSteps, monitorOn } from '../projections/monitors.ts'
import type { State } from '../projections/state.ts'
import { type Decision, type Facts, together } from './decision.ts'
import { recover } from './recover.ts'

export type MonitorFinding = {
  readonly monitor: MonitorName
  readonly configuration: MonitorConfiguration
  readonly verdict: MonitorVerdict
  readonly because: string
  readonly elapsedMs: number
  readonly starved: boolean
  readonly mayRecover: boolean
  /** For how long the monitor has been normal without a break. */
  readonly normalMs: number
}

/** Null when it says what is known already and nothing is left to do about it. */
export const judgeMonitor = (state: State, finding: MonitorFinding, facts: Facts): Decision | null => {
  const { monitor, configuration, verdict, because, elapsedMs, starved } = finding
  const known = monitorOn(state.monitors, monitor, facts.me)
  const changed: readonly Event[] =
    known.verdict === verdict
      ? []
      : [{ type: 'MonitorVerdictChanged', data: { monitor, server: facts.me, verdict, because, elapsedMs, starved } }]
  const recovery =
    verdict === 'error' && finding.mayRecover
      ? recover(state, { monitor, configuration, because, causedBy: null }, facts)
      : null
  const isLongEnough = finding.normalMs >= configuration.recovery.healthyAfter
  const isHealed = verdict === 'normal' && hasTakenSteps(known) && isLongEnough
  const reset: readonly Event[] = isHealed ? [{ type: 'RecoveryCountsReset', data: { monitor, server: facts.me } }] : []
  return together([...changed, ...(recovery?.events ?? []), ...reset], recovery?.because ?? {}, null)
}
