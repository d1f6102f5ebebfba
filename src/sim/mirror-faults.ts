/** What may go wrong with mirror disks, beside all that goes wrong with machines and networks: data planes, partitions, operators. */
import { type Command, serverName } from '../events/index.ts'
import type { Fault } from './faults.ts'
import type { SimulatedMirror } from './mirror/mirrors.ts'
import type { ClusterPlan } from './plan.ts'
import type { Chance } from './random.ts'
import type { Simulation } from './simulation.ts'

/** Times are in parts of T, as those of the other faults. */
const parts = (sim: Simulation, chance: Chance, least: number, most: number): number =>
  chance.magnitude(least, most) * sim.configuration.heartbeat.timeout

const one = (sim: Simulation, chance: Chance): { readonly mirror: SimulatedMirror; readonly server: string } => {
  const mirror = chance.pick(sim.cluster.mirrors.all)
  return { mirror, server: chance.pick(mirror.servers) }
}

const failPartition = (
  sim: Simulation,
  { server, path, ms }: { readonly server: string; readonly path: string; readonly ms: number },
  chance: Chance,
): void => {
  const { partitions } = sim.cluster.mirrors
  const calls = chance.pick(['read', 'write', 'write', 'flush', 'any'] as const)
  sim.fault(`${path} of ${server} fails (${calls})`, () => partitions.fail(server, path, calls))
  sim.after(ms, () => sim.fault(`${path} of ${server} works`, () => partitions.mend(server, path)))
}

const faults: readonly Fault[] = [
  {
    name: 'kill mirror',
    strike: (sim, chance) => sim.kill(one(sim, chance).server, 'mirror'),
  },
  {
    name: 'pause mirror',
    strike: (sim, chance) => sim.pause(one(sim, chance).server, 'mirror', parts(sim, chance, 0.02, 4)),
  },
  {
    name: 'partition fails',
    strike: (sim, chance) => {
      const { mirror, server } = one(sim, chance)
      const path = chance.happens(0.6) ? mirror.data(server) : mirror.metadata(server)
      failPartition(sim, { server, path, ms: parts(sim, chance, 0.02, 3) }, chance)
    },
  },
  {
    name: 'operator of mirrors',
    strike: (sim, chance) => {
      sim.order(chance.pick(sim.servers), commandOf(one(sim, chance), chance))
    },
  },
]

const commandOf = (
  { mirror: { name }, server }: { readonly mirror: SimulatedMirror; readonly server: string },
  chance: Chance,
): Command =>
  chance.pick<Command>([
    { do: 'break-mirror', mirror: name },
    { do: 'connect-mirror', mirror: name },
    { do: 'connect-mirror', mirror: name },
    { do: 'resync-mirror', mirror: name, full: chance.happens(0.3) },
    { do: 'verify-mirror', mirror: name },
    { do: 'split-mirror', mirror: name },
    { do: 'rejoin-mirror', mirror: name },
    { do: 'rejoin-mirror', mirror: name },
    { do: 'replace-mirror-disk', mirror: name, server: serverName(server) },
  ])

/** None where there are no mirror disks. */
export const mirrorFaults = ({ groups }: Pick<ClusterPlan, 'groups'>): readonly Fault[] =>
  groups.some(({ mirror }) => mirror !== undefined) ? faults : []
