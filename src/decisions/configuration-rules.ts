/** What must be so across a configuration, beyond the shape of its parts. One rule per question; all are asked. */
import type { Configuration } from '../events/configuration.ts'
import { fencingRules } from './configuration-fencing-rules.ts'
import { groupRules } from './configuration-group-rules.ts'
import { heartbeatRules } from './configuration-heartbeat-rules.ts'
import { inequalityFault } from './configuration-liveness-rule.ts'
import { mirrorRules } from './configuration-mirror-rules.ts'
import { monitorRules } from './configuration-monitor-rules.ts'
import { sharingRules } from './configuration-sharing-rules.ts'
import type { Path, Problem, Report } from './configuration-source.ts'
import { voterRules } from './configuration-voter-rules.ts'
import { watchdogFaults } from './watchdog.ts'

export type RuleContext = {
  readonly configuration: Configuration
  /** What the file says at a path; undefined where a default holds. */
  readonly written: (path: Path) => unknown
  /** The names the file has under a path, those included whose values are wrong. */
  readonly namesAt: (path: Path) => readonly string[]
  /** Whether something there is wrong already: what follows from it is not worth a second message. */
  readonly broken: (path: Path) => boolean
  readonly report: Report
}

/** Everything that is wrong or doubtful across the configuration, in no order. */
export const configurationRules = (context: RuleContext): readonly Problem[] => [
  ...voterRules(context),
  ...livenessRule(context),
  ...heartbeatRules(context),
  ...watchdogRule(context),
  ...groupRules(context),
  ...sharingRules(context),
  ...mirrorRules(context),
  ...monitorRules(context),
  ...fencingRules(context),
]

const watchdogRule = ({ configuration, broken, report }: RuleContext): readonly Problem[] =>
  broken(['heartbeat']) || broken(['watchdog']) || broken(['servers'])
    ? []
    : watchdogFaults(configuration).map(({ path, message, remedy }) => report({ path, message, remedy }))

const livenessRule = ({ configuration, broken, report }: RuleContext): readonly Problem[] => {
  const fault = broken(['heartbeat']) ? null : inequalityFault(configuration.heartbeat)
  if (fault === null) return []
  const { key, message, remedy } = fault
  return [report({ path: ['heartbeat', key], message, remedy })]
}
