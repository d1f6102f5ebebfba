/** What promise 1 of GUARANTEES.md rests on here: the watchdog, the inequality, the rate of the clock, boot time. */
import type { AgentStatus } from '../../agents/control-protocol.ts'
import { inequalityFault } from '../../decisions/configuration-liveness-rule.ts'
import { releaseBudget } from '../../decisions/release-budget.ts'
import { watchdogDevice } from '../../decisions/watchdog.ts'
import { type Configuration, formatDuration } from '../../events/configuration.ts'
import { durationInWords } from '../../projections/wording.ts'
import { type Finding, ok, problem, unknown, warning } from './finding.ts'

export type SafetyFacts = {
  readonly voter: string
  readonly role: 'server' | 'witness'
  readonly configuration: Configuration | null
  /** Null when no agent answers. */
  readonly status: AgentStatus | null
  /** Why a device is no watchdog; null when it is one. */
  readonly whyNoWatchdog: (device: string) => string | null
  /** How long this machine took to start, null where nobody says. */
  readonly bootMs: number | null
}

export const safetyChecks = (facts: SafetyFacts): readonly Finding[] => {
  const { configuration, role } = facts
  if (configuration === null) return [unknown('configuration', 'none is known here: leases are not checked')]
  return [
    ...(role === 'server' ? [watchdog(facts, configuration)] : []),
    leases(configuration),
    clockRate(facts, configuration),
    ...(role === 'server' ? [boot(facts, configuration)] : []),
  ]
}

const watchdog = ({ voter, status, whyNoWatchdog }: SafetyFacts, configuration: Configuration): Finding => {
  const what = 'watchdog'
  const level = configuration.watchdog.required ? problem : warning
  const device = watchdogDevice(configuration, voter)
  if (device === null)
    return warning(
      what,
      'none is configured: a machine that hangs with its groups is reset by nobody',
      'load its driver, then watchdog: {device: /dev/watchdog}; docs/watchdog.md',
    )
  const whyNot = whyNoWatchdog(device)
  if (whyNot !== null)
    return level(what, `none: ${whyNot}`, 'load the driver of the machine’s watchdog; docs/watchdog.md')
  if (status === null) return unknown(what, `${device} is one; without an agent nobody arms it`)
  const { watchdog: armed, watchdogReport: report } = status.guardian
  return armed === 'none'
    ? level(what, `${device} is not armed: ${report?.because ?? 'nobody says why'}`, 'docs/watchdog.md')
    : ok(what, `${armed} (${report?.identity || 'no name'}) is armed, ${formatDuration(report?.timeoutMs ?? 0)}`)
}

const leases = ({ heartbeat }: Configuration): Finding => {
  const fault = inequalityFault(heartbeat)
  if (fault !== null) return problem('leases', `heartbeat.${fault.key}: ${fault.message}`, fault.remedy)
  const { agentMs, guardianMs, resetMs } = releaseBudget(heartbeat)
  const shares = `agent ${agentMs} ms, guardian ${guardianMs} ms, reset ${resetMs} ms`
  return ok(
    'leases',
    `T ${formatDuration(heartbeat.timeout)}, R ${formatDuration(heartbeat.release)}, D ${formatDuration(heartbeat.stop)}: ${shares}`,
  )
}

const clockRate = ({ status }: SafetyFacts, { heartbeat: { clockRateError: allowed } }: Configuration): Finding => {
  const measured = status?.clock?.rateErrorPercent ?? null
  if (measured === null) return unknown('clock rate', 'not measured: the agent needs some seconds for it')
  const seen = `${measured.toFixed(3)} % off the hardware’s, ${allowed} % are allowed for`
  return measured > allowed
    ? problem('clock rate', seen, 'see what slews it (chronyc tracking), or raise heartbeat.clockRateError')
    : ok('clock rate', seen)
}

/** A machine that is back before it was declared down comes back with what it had half done. */
const boot = ({ bootMs }: SafetyFacts, { heartbeat: { timeout } }: Configuration): Finding => {
  if (bootMs === null)
    return unknown(
      'boot time',
      'nobody says how long a start of this machine takes',
      'it must take longer than heartbeat.timeout',
    )
  const seen = `the last start took ${durationInWords(bootMs)}, heartbeat.timeout is ${formatDuration(timeout)}`
  return bootMs > timeout
    ? ok('boot time', seen)
    : warning('boot time', seen, 'delay the start of baton-agent, so that a restart is seen as one')
}
