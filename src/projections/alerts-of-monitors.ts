/** What there is to tell of events of the stream `monitor`. */
import type { MonitorEvent } from '../events/index.ts'
import { authorInWords, placeInWords, secondsOf } from './alert-words.ts'
import type { Scene, Told } from './alerts.ts'
import { monitorOf, monitorOn } from './monitors.ts'

type Verdict = Extract<MonitorEvent, { type: 'MonitorVerdictChanged' }>['data']
type Recovery = Extract<MonitorEvent, { type: 'RecoveryStarted' }>['data']

export const tellMonitor = ({ type, data }: MonitorEvent, { before, after, moment }: Scene): readonly Told[] => {
  const by = authorInWords(moment.by)
  const { monitor, server } = data
  const told = (name: Told['name'], ...values: readonly string[]): readonly Told[] => [
    { name, server, values: [monitor, ...values] },
  ]
  // Ordered twice, it is no news.
  const isChanged = orderedOf(before, monitor) !== orderedOf(after, monitor)
  switch (type) {
    case 'MonitorVerdictChanged':
      return tellVerdict(data, before)
    case 'MonitorDelayed':
      return told('monitorDelayed', data.server, secondsOf(data.elapsedMs), secondsOf(data.timeoutMs))
    case 'RecoveryStarted':
      return [tellRecovery(data)]
    case 'RecoverySuppressed':
      if (monitorOn(before.monitors, monitor, data.server).suppressed === data.because) return []
      return told('recoverySuppressed', data.server, data.because)
    case 'RecoveryCountsReset':
      return []
    case 'MonitorSuspended':
      return isChanged ? told('monitorSuspended', placeInWords(server), by) : []
    case 'MonitorResumed':
      return isChanged ? told('monitorResumed', placeInWords(server), by) : []
    case 'DummyFailureEnabled':
      return isChanged ? told('dummyEnabled', placeInWords(server), by) : []
    case 'DummyFailureDisabled':
      return isChanged ? told('dummyDisabled', placeInWords(server), by) : []
    default:
      return type satisfies never
  }
}

const orderedOf = ({ monitors }: Scene['before'], name: string): string => {
  const { suspendedOn, dummyOn } = monitorOf(monitors, name)
  return JSON.stringify([suspendedOn, dummyOn])
}

/** Changes for the worse, and back from there. A monitor that starts, stops or is suspended has nothing to say. */
const tellVerdict = (
  { monitor, server, verdict, because, starved }: Verdict,
  before: Scene['before'],
): readonly Told[] => {
  const earlier = monitorOn(before.monitors, monitor, server).verdict
  if (earlier === verdict) return []
  const why = starved ? `${because}; the machine itself was short of time` : because
  const told = (name: Told['name']): readonly Told[] => [{ name, server, values: [monitor, server, why] }]
  switch (verdict) {
    case 'error':
      return told('monitorError')
    case 'warning':
      return told('monitorWarning')
    case 'normal':
      return earlier === 'error' || earlier === 'warning' ? told('monitorNormal') : []
    case 'unknown':
      return earlier === 'normal' || earlier === 'error' || earlier === 'warning' ? told('monitorUnknown') : []
    case 'suspended':
    case 'offline':
      return []
    default:
      return verdict satisfies never
  }
}

const rungs = {
  script: 'recoveryScript',
  restart: 'recoveryRestart',
  failover: 'recoveryFailover',
  final: 'recoveryFinal',
} as const satisfies Readonly<Record<Recovery['action'], Told['name']>>

const tellRecovery = ({ monitor, server, action, count, limit, because }: Recovery): Told => ({
  name: rungs[action],
  server,
  values: [monitor, server, String(count), String(limit), because],
})
