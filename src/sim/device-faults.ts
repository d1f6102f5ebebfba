/** What may go wrong with what stands beside machines and networks: cables, shared disks, controllers, ping targets; and T. */
import type { Fault } from './faults.ts'
import { type ClusterPlan, sourceOf, votersIn } from './plan.ts'
import type { Chance } from './random.ts'
import type { Simulation } from './simulation.ts'

/** Times are in parts of T, as those of the other faults. */
const parts = (sim: Simulation, chance: Chance, least: number, most: number): number =>
  chance.magnitude(least, most) * sim.configuration.heartbeat.timeout

const cableFaults: readonly Fault[] = [
  {
    name: 'cable pulled',
    strike: (sim, chance) => {
      const { cable } = sim.cluster
      sim.fault('the serial cable is pulled', () => {
        cable.isPulled = true
      })
      sim.after(parts(sim, chance, 0.05, 6), () => {
        cable.isPulled = false
      })
    },
  },
  {
    name: 'noisy cable',
    strike: (sim, chance) => {
      const { cable } = sim.cluster
      sim.fault('there is noise on the serial cable', () => {
        cable.noise = chance.magnitude(0.0005, 0.2)
      })
      sim.after(parts(sim, chance, 0.5, 10), () => {
        cable.noise = 0
      })
    },
  },
]

/** One direction is dead. */
const halfCable: Fault = {
  name: 'half a cable',
  isDrawnAlone: true,
  strike: (sim, chance) => {
    const { mute } = sim.cluster.cable
    const server = chance.pick(sim.servers)
    sim.fault(`nothing of ${server} gets through the serial cable`, () => mute.add(server))
    sim.after(parts(sim, chance, 0.05, 6), () => mute.delete(server))
  },
}

const sharedDiskFaults: readonly Fault[] = [
  {
    name: 'shared disk stall',
    strike: (sim, chance) => {
      const ms = parts(sim, chance, 0.05, 5)
      sim.fault(`the shared disk stalls for ${Math.round(ms)} ms`, () => sim.cluster.sharedDisk.stall(ms))
    },
  },
  {
    name: 'shared disk detached',
    strike: (sim, chance) => {
      const { detached } = sim.cluster.sharedDisk
      const server = chance.pick(sim.servers)
      sim.fault(`${server} cannot reach the shared disk`, () => detached.add(server))
      sim.after(parts(sim, chance, 0.1, 6), () => detached.delete(server))
    },
  },
]

const pingFaults: readonly Fault[] = [
  {
    name: 'ping target dead',
    strike: (sim, chance) => {
      const { outside } = sim.cluster
      const target = chance.pick(outside.npTargets)
      sim.fault(`${target} answers nobody`, () => outside.dead.add(target))
      sim.after(parts(sim, chance, 0.1, 6), () => outside.dead.delete(target))
    },
  },
]

const witnessFaults: readonly Fault[] = [
  {
    name: 'web witness dead',
    strike: (sim, chance) => silence(sim, chance, sim.cluster.outside.witness.name),
  },
  {
    name: 'web witness slow',
    strike: (sim, chance) => {
      const { witness } = sim.cluster.outside
      const ms = parts(sim, chance, 0.02, 1)
      sim.fault(`the web witness answers ${Math.round(ms)} ms late`, () => {
        witness.delayMs = ms
      })
      sim.after(parts(sim, chance, 0.1, 6), () => {
        witness.delayMs = 0
      })
    },
  },
  {
    name: 'web witness restarted',
    strike: (sim) => sim.fault('the web witness starts anew', () => sim.cluster.outside.witness.restart()),
  },
]

const bmcFaults: readonly Fault[] = [
  {
    name: 'BMC silent',
    strike: (sim, chance) => {
      const all = sim.configuration.servers.flatMap(({ bmc }) => (bmc === undefined ? [] : [bmc.address]))
      silence(sim, chance, chance.pick(all))
    },
  },
]

const silence = (sim: Simulation, chance: Chance, target: string | null): void => {
  if (target === null) return
  const { dead } = sim.cluster.outside
  sim.fault(`${target} answers nobody`, () => dead.add(target))
  sim.after(parts(sim, chance, 0.1, 6), () => dead.delete(target))
}

const powerFaults: readonly Fault[] = [
  {
    name: 'controller dead',
    strike: (sim, chance) => onController(sim, chance, 'answers nobody', { isDead: true }),
  },
  {
    name: 'controller slow',
    strike: (sim, chance) => {
      const takesMs = [200, chance.magnitude(500, 20_000)] as const
      onController(sim, chance, 'is slow', { takesMs })
    },
  },
  {
    name: 'controller disobedient',
    strike: (sim, chance) => onController(sim, chance, 'does not do what it says', { isDisobedient: true }),
  },
  {
    name: 'long freeze',
    strike: (sim, chance) => {
      const host = chance.pick(sim.servers)
      sim.freeze(host, parts(sim, chance, 0.5, 8))
    },
  },
  {
    name: 'switched on again',
    strike: (sim) => {
      for (const host of sim.hosts) if (!sim.cluster.host(host).isOn) sim.powerOn(host)
    },
  },
]

/** Its watchdog is suspended with it: only a fence makes that safe. */
const longSuspend: Fault = {
  name: 'long suspend',
  isDrawnAlone: true,
  strike: (sim, chance) => sim.suspend(chance.pick(sim.servers), parts(sim, chance, 0.1, 8)),
}

const onController = (
  sim: Simulation,
  chance: Chance,
  text: string,
  trouble: Partial<{ isDead: boolean; isDisobedient: boolean; takesMs: readonly [number, number] }>,
): void => {
  const server = chance.pick(sim.servers)
  const controller = sim.cluster.power.controller(server)
  sim.fault(`the power controller of ${server} ${text}`, () => Object.assign(controller, trouble))
  sim.after(parts(sim, chance, 0.5, 10), () =>
    Object.assign(controller, { isDead: false, isDisobedient: false, takesMs: [5, 200] }),
  )
}

/** T, R and all that follows from them are changed while services run. */
const timeoutChange: Fault = {
  name: 'another T',
  strike: (sim, chance) => {
    const timeoutMs = chance.pick(sim.plan.otherTimeouts ?? [sim.plan.timeoutMs])
    const source = sourceOf({ ...sim.plan, timeoutMs })
    sim.order(chance.pick(sim.servers), { do: 'apply-configuration', source, note: `T is ${timeoutMs} ms` })
  },
}

/** Others vote from now on, among the machines of the cluster. */
const voterChange: Fault = {
  name: 'other voters',
  strike: (sim, chance) => {
    const voters = chance.pick([votersIn(sim.plan), ...(sim.plan.otherVoters ?? [])])
    const source = sourceOf({ ...sim.plan, voters })
    sim.order(chance.pick(sim.servers), { do: 'apply-configuration', source, note: `voters: ${voters.join(', ')}` })
  },
}

/** Those for which the cluster of a plan has something. */
export const deviceFaults = ({ plan }: Pick<Simulation, 'plan'>): readonly Fault[] => [
  ...(hasCable(plan) ? cableFaults : []),
  ...(plan.hasSharedDisk === true ? sharedDiskFaults : []),
  ...(plan.pingTargets ? pingFaults : []),
  ...(plan.hasWebWitness === true ? witnessFaults : []),
  ...(plan.hasControllers === true ? bmcFaults : []),
  ...(plan.fencing ? powerFaults : []),
  ...((plan.otherTimeouts ?? []).length > 0 ? [timeoutChange] : []),
  ...((plan.otherVoters ?? []).length > 0 ? [voterChange] : []),
  ...(hasCable(plan) ? [halfCable] : []),
  ...(plan.fencing?.policy === 'required' ? [longSuspend] : []),
]

const hasCable = ({ hasCable, servers }: ClusterPlan): boolean => hasCable === true && servers === 2
