/** What `npm run sim -- --speed` measures: clusters of three voters and one T, each for an hour of virtual time, with a steady rate of faults. */
import { allFaults, Peace } from '../../src/sim/faults.ts'
import { type Scenario, scenarioOf } from '../../src/sim/swarm.ts'
import { groupPlan } from './clusters.ts'

export type Pace = {
  /** T in ms; a beat goes out ten times in it, as by default. */
  readonly timeoutMs: number
  /** Mean time between two faults, in ms. */
  readonly everyMs: number
}

/** The T of a configuration that names none, and one with which beats are rare. */
export const usualTimeoutsMs: readonly number[] = [3000, 90_000]

const beatsInTimeout = 10
const faultsMs = 3_600_000

/** Two servers, a witness and two networks; which kinds of faults strike is drawn from the seed, as everywhere. */
export const speedScenario = (seed: number, { timeoutMs, everyMs }: Pace): Scenario => {
  const { plan: drawn, ...scenario } = scenarioOf(seed)
  const plan = {
    servers: 2,
    hasWitness: true,
    networks: ['lan', 'public'],
    timeoutMs,
    intervalMs: Math.round(timeoutMs / beatsInTimeout),
    clockRateError: drawn.clockRateError,
    startSyncMs: drawn.startSyncMs,
    groups: [groupPlan('web', { monitorMs: 10_000 })],
  }
  // Those of devices that this cluster does not have would strike nothing.
  const plain = new Set(allFaults(new Peace()).map(({ name }) => name))
  return { ...scenario, plan, faults: scenario.faults.filter(({ name }) => plain.has(name)), everyMs, faultsMs }
}

export const paceLine = ({ timeoutMs, everyMs }: Pace): string =>
  `2 servers and a witness on 2 networks, T = ${timeoutMs / 1000} s, a beat every ${Math.round(timeoutMs / beatsInTimeout)} ms, a fault in ${everyMs / 1000} s on average`
