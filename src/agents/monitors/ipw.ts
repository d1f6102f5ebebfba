/** M1: addresses that answer to ICMP echo. */
import type { MonitorConfiguration } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import type { MonitorDriver } from './driver.ts'

type Configuration = Extract<MonitorConfiguration, { type: 'ipw' }>

/** An address that is silent for this part of the time-out is taken for dead, so that silence is an error with a
 *  reason and not a time-out without one. */
const silentPart = 0.5

/** Error when all addresses are silent, warning when some are. */
export const ipwDriver = (world: World): MonitorDriver<Configuration> => ({
  look: async ({ configuration: { addresses, timeout } }, signal) => {
    const waitMs = timeout * silentPart
    let answered: ReadonlySet<string>
    try {
      answered = new Set(await world.network.answering(addresses, waitMs, signal))
    } catch (error) {
      return { verdict: 'unknown', because: error instanceof Error ? error.message : String(error) }
    }
    if (signal.aborted) return { verdict: 'unknown', because: 'it was stopped before all addresses had answered' }
    const silent = addresses.filter((address) => !answered.has(address))
    if (silent.length === 0) return { verdict: 'normal', because: `all of ${addresses.join(', ')} answered` }
    const because = `no answer from ${silent.join(', ')} within ${waitMs} ms`
    if (silent.length === addresses.length) return { verdict: 'error', because }
    return { verdict: 'warning', because: `${because}; ${[...answered].join(', ')} answered` }
  },
})
