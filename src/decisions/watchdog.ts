/** Which watchdog a server has to have, and what follows when it has none. */
import type { Configuration } from '../events/configuration.ts'
import { formatDuration } from '../events/duration.ts'
import { watchdogRange, watchdogTimeoutMs } from './release-budget.ts'

/** What the guardian is told to feed. */
export type Order = {
  readonly device: string | null
  readonly timeoutMs: number
  readonly mostMs: number
  readonly pretimeoutMs: number | null
}

const secondMs = 1000

/** The device of a server, by the cluster's configuration; null = none. */
export const watchdogDevice = ({ watchdog, servers }: Configuration, server: string): string | null => {
  const device = servers.find(({ name }) => name === server)?.watchdog ?? watchdog.device
  return device === 'none' ? null : device
}

export const watchdogOrder = (configuration: Configuration, server: string): Order => {
  const { watchdog, heartbeat } = configuration
  return {
    device: watchdogDevice(configuration, server),
    // Where none is possible the shortest is asked for, and refused as too long.
    timeoutMs: watchdog.timeout ?? watchdogTimeoutMs(heartbeat) ?? secondMs,
    mostMs: Math.max(1, watchdogRange(heartbeat).mostMs),
    pretimeoutMs: watchdog.pretimeout ?? null,
  }
}

/** Why a server may hold no lease, as far as its watchdog goes; null = it may. */
export const missingWatchdog = (
  configuration: Configuration | null,
  { armed, because }: { readonly armed: boolean; readonly because: string },
): string | null =>
  configuration?.watchdog.required && !armed ? `watchdog.required, but no watchdog is armed here: ${because}` : null

export type WatchdogFault = { readonly path: readonly string[]; readonly message: string; readonly remedy: string }

/** What no schema can say of the watchdog's configuration. */
export const watchdogFaults = (configuration: Configuration): readonly WatchdogFault[] => {
  const { watchdog, heartbeat, servers } = configuration
  const { timeout, pretimeout, required } = watchdog
  const without = servers.filter(({ name }) => watchdogDevice(configuration, name) === null).map(({ name }) => name)
  const faults: WatchdogFault[] = []
  if (required && without.length > 0)
    faults.push({
      path: ['watchdog', 'required'],
      message: `a watchdog is required, and none is configured for ${without.join(', ')}`,
      remedy: 'name the device, such as watchdog: {device: /dev/watchdog}',
    })
  if (without.length === servers.length) return faults
  const { leastMs, mostMs } = watchdogRange(heartbeat)
  const inSeconds = `from ${formatDuration(Math.ceil(leastMs))} to ${formatDuration(Math.floor(mostMs))}`
  if (timeout !== undefined && (timeout % secondMs !== 0 || timeout < leastMs || timeout > mostMs))
    faults.push({
      path: ['watchdog', 'timeout'],
      message: `${formatDuration(timeout)} cannot be used: these heartbeat times allow whole seconds ${inSeconds}`,
      remedy: 'leave it out, or change heartbeat.timeout',
    })
  else if (watchdogTimeoutMs(heartbeat) === null)
    faults.push({
      path: ['watchdog', 'device'],
      message: `these heartbeat times allow a watchdog ${inSeconds}, and devices know whole seconds only`,
      remedy: 'raise heartbeat.timeout, or set watchdog.device to none',
    })
  const effective = timeout ?? watchdogTimeoutMs(heartbeat)
  if (pretimeout !== undefined && effective !== null && (pretimeout >= effective || pretimeout % secondMs !== 0))
    faults.push({
      path: ['watchdog', 'pretimeout'],
      message: `${formatDuration(pretimeout)} is not a number of whole seconds before the time-out of ${formatDuration(effective)}`,
      remedy: 'make it shorter, or leave it out',
    })
  return faults
}
