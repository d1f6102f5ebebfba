/** What happens to few clusters, drawn beside all else, so that the others stay what they were. */
import { voterName } from '../events/index.ts'
import { goodSyncMs } from './disk.ts'
import type { Fault } from './faults.ts'
import { places } from './kit.ts'
import { type ClusterPlan, timeoutsOf } from './plan.ts'
import type { Chance } from './random.ts'
import type { Simulation } from './simulation.ts'

/** Times are in parts of T, as those of the other faults. */
const parts = (sim: Simulation, chance: Chance, least: number, most: number): number =>
  chance.magnitude(least, most) * sim.configuration.heartbeat.timeout

/** A machine that is switched off has another disk then: with its kit and its copy of the log, and nothing else. */
export const replaceDisk = (sim: Simulation, host: string): void => {
  sim.powerOff(host)
  sim.fault(`${host} has another disk`, () =>
    sim.cluster.host(host).disk.replace((path) => path.startsWith(`${places.kit}/`)),
  )
}

/** Voters whose word counts for nothing before an operator has admitted the store that they have now. */
export const unbelievedVoters = ({ state, cluster }: Simulation): readonly string[] =>
  state.configuration.voters.filter((voter) => {
    const text = cluster.host(voter).disk.read(places.voterStore)
    // cast: written by the product.
    return text === null || (JSON.parse(text) as { readonly store: string }).store !== state.servers.admitted[voter]
  })

/** `baton server readmit`, on whichever server it is. */
export const readmit = (sim: Simulation, voter: string, server: string): boolean =>
  sim.order(server, { do: 'readmit-voter', voter: voterName(voter) })

/** As docs/operations.md has it: fewer than half of the voters at a time. */
const replacedStore: Fault = {
  name: 'replaced store',
  strike: (sim, chance) => {
    const { voters } = sim.state.configuration
    if (2 * (unbelievedVoters(sim).length + 1) >= voters.length) return
    const host = chance.pick(voters)
    const onAfter = parts(sim, chance, 0.01, 5) + 500
    replaceDisk(sim, host)
    sim.after(onAfter, () => sim.powerOn(host))
    sim.after(onAfter + parts(sim, chance, 0.1, 20), () => readmit(sim, host, chance.pick(sim.servers)))
  },
}

/** Each write takes a while of its own: what began later may be done before what began first. */
const slowWrites: Fault = {
  name: 'slow writes',
  strike: (sim, chance) => {
    const host = chance.pick(sim.hosts)
    const { disk } = sim.cluster.host(host)
    const most = parts(sim, chance, 0.02, 1)
    sim.fault(`writes of ${host} take up to ${Math.round(most)} ms`, () => {
      disk.sync = [0.3, most]
    })
    sim.after(parts(sim, chance, 0.5, 10), () => {
      disk.sync = goodSyncMs
    })
  },
}

/** Whatever strikes the servers of a pair by turns: the next comes once they have heard each other again. `strike`: for how long. */
const oneAtATime = (name: string, strike: (sim: Simulation, chance: Chance) => number): Fault => {
  let until = Number.NEGATIVE_INFINITY
  return {
    name,
    strike: (sim, chance) => {
      if (sim.now >= until) until = sim.now + strike(sim, chance) + peaceTimeouts * timeoutsOf(sim.plan).most
    },
  }
}
const peaceTimeouts = 3

const inAnyOrder = (sim: Simulation, chance: Chance): readonly [one: string, other: string] => {
  const [one = '', other = ''] = chance.happens(0.5) ? sim.servers : sim.servers.toReversed()
  return [one, other]
}

/** One server of a pair hears the other no more, which hears it; both reach whatever they ask. That is one who is deaf, not two. */
const halfDeaf = (): Fault =>
  oneAtATime('half deaf', (sim, chance) => {
    const [one, other] = inAnyOrder(sim, chance)
    const ms = parts(sim, chance, 0.5, 8)
    for (const network of sim.plan.networks) sim.after(ms, sim.cut(network, one, other))
    return ms
  })

/** One server of a pair is cut off, and as it comes back it is the other one's turn: before the lease of the first has ended. */
const swappedUplinks = (): Fault =>
  oneAtATime('swapped uplinks', (sim, chance) => {
    const [first, then] = inAnyOrder(sim, chance)
    const firstMs = sim.configuration.heartbeat.timeout * chance.between(...swapPart)
    const thenMs = parts(sim, chance, 1, 4)
    const mend = sim.isolate(first)
    sim.after(firstMs, () => {
      mend()
      sim.after(thenMs, sim.isolate(then))
    })
    return firstMs + thenMs
  })
/** Of T; a lease is two thirds of it. */
const swapPart = [0.3, 0.7] as const

/** With fewer than three voters none may lose its store while the others go on. */
const fewestVoters = 3

export const rareFaults = ({ servers, hasWitness, pair }: ClusterPlan): readonly Fault[] => [
  slowWrites,
  ...(servers + Number(hasWitness) >= fewestVoters ? [replacedStore] : []),
  ...(pair?.isSound === true && pair.isPrompt !== true ? [halfDeaf()] : []),
  ...(pair?.isPrompt === true ? [swappedUplinks()] : []),
]
