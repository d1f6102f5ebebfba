/** What strikes a pair. Sound ones leave nobody connected who is deaf to the other: a server loses its way to everything at once. */
import type { Fault } from './faults.ts'
import { handOver } from './orders.ts'
import type { Chance } from './random.ts'
import type { Simulation } from './simulation.ts'

/** Of the general faults, those that may leave both servers connected and deaf to each other. */
const unsound = new Set(['one-way cut', 'bad link'])

const parts = (sim: Simulation, chance: Chance, least: number, most: number): number =>
  chance.magnitude(least, most) * sim.configuration.heartbeat.timeout

/** Both ways of a server to everything, its NP targets among it, lose and delay a little. */
const badUplink: Fault = {
  name: 'bad uplink',
  strike: (sim, chance) => {
    const host = chance.pick(sim.hosts)
    const network = chance.pick(sim.plan.networks)
    const quality = {
      loss: chance.magnitude(0.005, 0.15),
      duplicates: chance.fraction() * 0.5,
      delay: [0.1, parts(sim, chance, 0.001, 0.03)] as const,
    }
    const others = [...sim.hosts, ...sim.cluster.outside.names].filter((name) => name !== host)
    const set = (to: typeof quality | undefined) => {
      for (const other of others)
        for (const [from, there] of [
          [host, other],
          [other, host],
        ] as const)
          sim.quality(network, from, there, to ?? { loss: 0, duplicates: 0, delay: [0.05, 0.4] })
    }
    set(quality)
    sim.after(parts(sim, chance, 1, 20), () => set(undefined))
  },
}

/** One server's networks go, and soon after they are back those of the other: each is the one that is cut off in turn. */
const flapping: Fault = {
  name: 'flapping uplinks',
  strike: (sim, chance) => {
    let at = 0
    for (let turn = 0; turn < chance.whole(2, 6); turn++) {
      const host = sim.servers[turn % sim.servers.length] ?? ''
      const ms = parts(sim, chance, 0.05, 1.5)
      sim.after(at, () => sim.after(ms, sim.isolate(host)))
      at += ms * chance.between(0.8, 1.5)
    }
  },
}

const handsOver: Fault = {
  name: 'hand over',
  strike: (sim, chance) => {
    handOver(sim, chance.pick(sim.servers))
  },
}

/** The servers reach whatever they ask, and not each other. */
const deaf: Fault = {
  name: 'deaf to each other',
  strike: (sim, chance) => {
    const [one = '', other = ''] = sim.servers
    const networks = chance.happens(0.7) ? sim.plan.networks : [chance.pick(sim.plan.networks)]
    const direction = chance.pick(['both', 'both', 'there', 'back'] as const)
    const mends = networks.flatMap((network) => [
      ...(direction === 'back' ? [] : [sim.cut(network, one, other)]),
      ...(direction === 'there' ? [] : [sim.cut(network, other, one)]),
    ])
    sim.after(parts(sim, chance, 0.5, 8), () => {
      for (const mend of mends) mend()
    })
  },
}

/** For a pair, of all that may strike a cluster. */
export const pairFaults = (all: readonly Fault[], { plan }: Pick<Simulation, 'plan'>): readonly Fault[] =>
  plan.pair?.isSound === true
    ? [...all.filter(({ name }) => !unsound.has(name)), badUplink, flapping, handsOver]
    : [...all, badUplink, flapping, handsOver, deaf]
