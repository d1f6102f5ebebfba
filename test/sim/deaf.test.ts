/** Servers that do not hear each other, and hold their leases all the same: others hear both. */
import { expect, test } from 'vitest'
import { Simulation } from '../../src/sim/simulation.ts'
import { groupPlan, minutes, seconds, usualPlan } from './clusters.ts'

/** Neither hears the other on any path. */
const deafen = (sim: Simulation, [one, other]: readonly [string, string]): (() => void) => {
  const mends = sim.plan.networks.flatMap((network) => [sim.cut(network, one, other), sim.cut(network, other, one)])
  return () => {
    for (const mend of mends) mend()
  }
}
const commitsOf = (sim: Simulation, type: string) =>
  sim.commits.flatMap(({ commit }) => commit.events.filter((event) => event.type === type))

// Each recorded its own view of the other, again and again, as fast as the log took it.
test('a group that finds no place is said to wait once, though two servers see different reasons', async () => {
  const groups = ['web', 'db', 'files'].map((name) => groupPlan(name, { exclusion: 'absolute' }))
  const sim = new Simulation({ seed: 1, plan: { ...usualPlan, groups } })
  sim.boot()
  await sim.run(minutes(1))
  const before = commitsOf(sim, 'GroupWaiting').length
  const mend = deafen(sim, ['s1', 's2'])
  await sim.run(minutes(2))
  expect(sim.state.groups.files?.ownership.status).toBe('stopped')
  expect(Object.values(sim.state.servers.byName).map(({ status }) => status)).toEqual(['up', 'up'])
  expect(commitsOf(sim, 'GroupWaiting').length - before).toBeLessThan(3)
  mend()
  await sim.run(seconds(30))
  const { waiting } = sim.state.groups.files ?? {}
  expect(waiting?.verdicts.map(({ because }) => because)).toEqual([
    'web is there, and both exclude each other absolutely',
    'db is there, and both exclude each other absolutely',
  ])
})
