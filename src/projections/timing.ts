/** T, R and ρ as they are in force: as configured, stretched for a while where an operator said so (rule 10). */
import type { Configuration } from '../events/index.ts'

/** The heartbeat of a configuration with T times `ratio`; R grows by what the clocks may drift apart in the longer T. */
export const stretched = (heartbeat: Configuration['heartbeat'], ratio: number): Configuration['heartbeat'] => {
  const rate = heartbeat.clockRateError / 100
  const timeout = Math.round(heartbeat.timeout * ratio)
  const drift = (2 * rate * (timeout - heartbeat.timeout)) / (1 + rate)
  return { ...heartbeat, timeout, release: Math.ceil(heartbeat.release + drift) }
}

type Timed = {
  readonly configuration: { readonly current: Configuration | null }
  readonly cluster: { readonly stretch: { readonly ratio: number } | null }
}

/** The heartbeat that everybody goes by now; null without a configuration. */
export const heartbeatOf = ({ configuration, cluster }: Timed): Configuration['heartbeat'] | null => {
  if (configuration.current === null) return null
  const { heartbeat } = configuration.current
  return cluster.stretch === null ? heartbeat : stretched(heartbeat, cluster.stretch.ratio)
}
