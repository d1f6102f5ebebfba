/** Everything that may go wrong, one entry a kind. Each strikes once, and mends itself after a while that it draws. */
import { type Command, groupName, monitorName, serverName } from '../events/index.ts'
import type { Program } from './cluster.ts'
import { goodBehaviour } from './drivers.ts'
import { goodLink } from './network.ts'
import type { Chance } from './random.ts'
import type { Simulation } from './simulation.ts'

export type Fault = {
  readonly name: string
  readonly strike: (sim: Simulation, chance: Chance) => void
  /** Whether it is in the mix of a seed is drawn beside the others, so that seeds without it stay what they were before there was one. */
  readonly isDrawnAlone?: boolean
}

/**
 * What watches over a host must not be struck everywhere at once: agent *and* guardian gone is a named exception of
 * GUARANTEES.md, and a freeze on top of either is the same. One at a time, and then a while of peace.
 */
export class Peace {
  readonly #until = new Map<string, number>()
  /** Whether the host may be struck now; if so it is at peace from then on for `ms`. */
  readonly take = (sim: Simulation, host: string, ms: number): boolean => {
    if (sim.now < (this.#until.get(host) ?? 0)) return false
    this.#until.set(host, sim.now + ms)
    return true
  }
}

/** An agent that was ended is back, and leased again, within this time beyond T. */
const recoveryMs = 10_000

/** Times are in parts of T: what matters is how long something lasts against the time-out. */
const parts = (sim: Simulation, chance: Chance, least: number, most: number): number =>
  chance.magnitude(least, most) * sim.configuration.heartbeat.timeout

const powerFaults: readonly Fault[] = [
  {
    name: 'crash',
    strike: (sim, chance) => {
      const host = chance.pick(sim.hosts)
      sim.powerOff(host)
      sim.after(parts(sim, chance, 0.05, 10) + 500, () => sim.powerOn(host))
    },
  },
  {
    name: 'blackout',
    strike: (sim, chance) => {
      for (const host of sim.hosts) {
        sim.powerOff(host)
        sim.after(parts(sim, chance, 0.05, 5) + 500, () => sim.powerOn(host))
      }
    },
  },
]

const processFaults = (peace: Peace): readonly Fault[] => {
  const onOneHost = (sim: Simulation, chance: Chance, strike: (host: string, ms: number) => void) => {
    const host = chance.pick(sim.hosts)
    const ms = parts(sim, chance, 0.02, 4)
    if (peace.take(sim, host, ms + 2 * sim.configuration.heartbeat.timeout + recoveryMs)) strike(host, ms)
  }
  const kill = (program: Program): Fault => ({
    name: `kill ${program}`,
    strike: (sim, chance) => onOneHost(sim, chance, (host) => sim.kill(host, program)),
  })
  const pause = (program: Program): Fault => ({
    name: `pause ${program}`,
    strike: (sim, chance) => onOneHost(sim, chance, (host, ms) => sim.pause(host, program, ms)),
  })
  return [
    kill('agent'),
    kill('guardian'),
    kill('log-server'),
    pause('agent'),
    pause('guardian'),
    pause('log-server'),
    { name: 'freeze', strike: (sim, chance) => onOneHost(sim, chance, (host, ms) => sim.freeze(host, ms)) },
    {
      name: 'short suspend',
      strike: (sim, chance) =>
        onOneHost(sim, chance, (host) => sim.suspend(host, chance.between(0, sim.configuration.heartbeat.stop / 2))),
    },
    {
      name: 'restart agent',
      strike: (sim, chance) =>
        onOneHost(sim, chance, (host, ms) => {
          sim.stopAgent(host)
          sim.after(ms, () => sim.startAgent(host))
        }),
    },
  ]
}

const networkFaults: readonly Fault[] = [
  {
    name: 'one-way cut',
    strike: (sim, chance) => {
      const [from, to] = [chance.pick(sim.hosts), chance.pick(sim.hosts)]
      if (from !== to) sim.after(parts(sim, chance, 0.1, 5), sim.cut(chance.pick(sim.plan.networks), from, to))
    },
  },
  {
    name: 'network down',
    strike: (sim, chance) => {
      const network = chance.pick(sim.plan.networks)
      const ms = parts(sim, chance, 0.1, 5)
      for (const host of sim.hosts) sim.after(ms, sim.isolate(host, [network]))
    },
  },
  {
    name: 'isolated host',
    strike: (sim, chance) => {
      const direction = chance.pick(['both', 'in', 'out'] as const)
      const mend = sim.isolate(chance.pick(sim.hosts), sim.plan.networks, direction)
      sim.after(parts(sim, chance, 0.1, 6), mend)
    },
  },
  {
    name: 'isolated log leader',
    strike: (sim, chance) => {
      const leader = [...sim.group.replicas.values()].find(({ role }) => role === 'leader')
      if (leader) sim.after(chance.magnitude(200, 30_000), sim.isolate(leader.name, sim.plan.networks.slice(0, 1)))
    },
  },
  {
    name: 'bad link',
    strike: (sim, chance) => {
      const [network, from, to] = [chance.pick(sim.plan.networks), chance.pick(sim.hosts), chance.pick(sim.hosts)]
      const quality = {
        loss: chance.magnitude(0.01, 0.9),
        duplicates: chance.fraction() * 0.5,
        delay: [0.1, parts(sim, chance, 0.001, 0.3)] as const,
      }
      sim.quality(network, from, to, quality)
      sim.after(parts(sim, chance, 1, 20), () => sim.quality(network, from, to, goodLink))
    },
  },
]

const diskFaults: readonly Fault[] = [
  {
    name: 'disk stall',
    strike: (sim, chance) => sim.stallDisk(chance.pick(sim.hosts), parts(sim, chance, 0.01, 3)),
  },
  {
    name: 'disk failure',
    strike: (sim, chance) => {
      const host = chance.pick(sim.hosts)
      sim.failDisk(host, 'no space left on device')
      sim.after(parts(sim, chance, 0.1, 5), () => sim.failDisk(host, null))
    },
  },
  {
    name: 'wall clock',
    strike: (sim, chance) => sim.setWall(chance.pick(sim.hosts), chance.between(-1, 1) * chance.magnitude(1, 1e9)),
  },
]

const breakOne = (sim: Simulation, chance: Chance): void => {
  const runs = sim.ledger.running()
  if (runs.length === 0) return
  const { group, resource } = chance.pick(runs)
  sim.breakResource(group, resource)
}

const resourceFaults: readonly Fault[] = [
  { name: 'resource dies', strike: breakOne },
  {
    name: 'moody resources',
    strike: (sim, chance) => {
      const host = chance.pick(sim.servers)
      const bad = () => (chance.happens(0.5) ? chance.fraction() : 0)
      sim.behave(host, { failure: bad(), hang: bad(), stopFailure: bad(), stopHang: bad() })
      sim.after(parts(sim, chance, 1, 10), () => sim.behave(host, goodBehaviour))
    },
  },
]

/** Services go on without the log: what becomes of them has to be told once it is back. */
export const unheardDeath: Fault = {
  name: 'resource dies while no log answers',
  isDrawnAlone: true,
  strike: (sim, chance) => {
    const ms = parts(sim, chance, 0.3, 10)
    for (const host of sim.hosts) sim.pause(host, 'log-server', ms)
    sim.after(ms * chance.fraction(), () => breakOne(sim, chance))
  },
}

/** What operators might do at any time. */
const orders: Fault = {
  name: 'operator',
  strike: (sim, chance) => {
    sim.order(chance.pick(sim.servers), commandOf(sim, chance))
  },
}

/** A server is stopped, and its machine goes off and on: it awaits its return, until somebody lets it. */
const stopAndRestart: Fault = {
  name: 'stop and restart',
  strike: (sim, chance) => {
    const server = serverName(chance.pick(sim.servers))
    const offAfter = parts(sim, chance, 0.3, 8)
    const onAfter = offAfter + parts(sim, chance, 0.05, 6) + 500
    sim.order(server, { do: 'stop-server', server })
    sim.after(offAfter, () => sim.powerOff(server))
    sim.after(onAfter, () => sim.powerOn(server))
    sim.after(onAfter + parts(sim, chance, 0.5, 20), () => sim.order(server, { do: 'start-server', server }))
  },
}

const commandOf = (sim: Simulation, chance: Chance): Command => {
  const group = groupName(chance.pick(sim.plan.groups).name)
  const anywhere = () => (chance.happens(0.4) ? null : serverName(chance.pick(sim.servers)))
  const server = serverName(chance.pick(sim.servers))
  const monitor = monitorName(`${group}-mon`)
  return chance.pick<Command>([
    { do: 'start-group', group, server: anywhere() },
    { do: 'start-group', group, server: anywhere() },
    { do: 'stop-group', group },
    { do: 'move-group', group, server: anywhere() },
    { do: 'move-group', group, server: anywhere() },
    { do: 'failover-group', group, server: anywhere() },
    { do: 'suspend-monitor', monitor, server: anywhere() },
    { do: 'resume-monitor', monitor, server: null },
    { do: 'stop-server', server },
    { do: 'start-server', server },
    { do: 'start-server', server },
    { do: 'stop-cluster' },
    { do: 'start-cluster' },
    { do: 'start-cluster' },
    { do: 'suspend-cluster' },
    { do: 'resume-cluster' },
    { do: 'resume-cluster' },
    { do: 'skip-start-sync' },
    { do: 'apply-configuration', source: sim.source, note: 'again' },
  ])
}

/** Where a server that awaits its return has something to do. */
export const managementFaults = ({ plan }: Pick<Simulation, 'plan'>): readonly Fault[] =>
  plan.groups.some(({ isManagement }) => isManagement) ? [stopAndRestart] : []

/** All that a cluster must withstand. */
export const allFaults = (peace: Peace): readonly Fault[] => [
  ...powerFaults,
  ...processFaults(peace),
  ...networkFaults,
  ...diskFaults,
  ...resourceFaults,
  orders,
]
