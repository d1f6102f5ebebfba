/** M5: the link of a NIC. */
import type { MonitorConfiguration } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import type { MonitorDriver, Sight } from './driver.ts'

type Configuration = Extract<MonitorConfiguration, { type: 'miiw' }>

/** Asked from the kernel and told by it: /sys may show the interfaces of another network namespace. */
export const miiwDriver = (world: World): MonitorDriver<Configuration> => ({
  look: async ({ configuration }) => sightOf(world, configuration.nic),
  watch: ({ configuration }, seen) => {
    let last: Sight['verdict'] | null = null
    const look = (): void => {
      const sight = sightOf(world, configuration.nic)
      if (sight.verdict === last) return
      last = sight.verdict
      seen(sight)
    }
    const cancel = world.network.onNicChange(look)
    // Where the kernel does not tell, the polls of the runner have to do.
    if (cancel === null) return () => undefined
    last = sightOf(world, configuration.nic).verdict
    return cancel
  },
})

const sightOf = (world: World, name: string): Sight => {
  try {
    const nic = world.network.nics().find((candidate) => candidate.name === name)
    if (nic === undefined) return { verdict: 'error', because: `there is no NIC ${name}` }
    if (!nic.isUp) return { verdict: 'error', because: `NIC ${name} is set down` }
    if (!nic.hasCarrier) return { verdict: 'error', because: `NIC ${name} has no link` }
    return { verdict: 'normal', because: `NIC ${name} has a link` }
  } catch (error) {
    return { verdict: 'unknown', because: error instanceof Error ? error.message : String(error) }
  }
}
