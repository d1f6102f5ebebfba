/** Servers that do not hear each other, and hold their leases all the same: others hear both. */
import { expect, test } from 'vitest'
import { recover } from '../../src/sim/seed.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { groupPlan, minutes, runningCluster, seconds, usualPlan } from './clusters.ts'

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

// Each took the fence from the other, which it did not hear, before any device had answered.
test('a lost server is fenced by one of two servers that do not hear each other, and its group goes on', async () => {
  const sim = await runningCluster({ servers: 4, hasWitness: true, fencing: { policy: 'required', action: 'off' } })
  const mend = deafen(sim, ['s2', 's3'])
  await sim.run(seconds(10))
  const before = sim.commits.length
  sim.powerOff('s1')
  expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') !== 's1', minutes(1))).toBe(true)
  expect(commitsOf(sim, 'FencingRequested')).toHaveLength(1)
  expect(sim.commits.length - before).toBeLessThan(50)
  mend()
  sim.powerOn('s1')
  await recover(sim)
})

test('a controller that answers nobody is tried by one server after the other, at leisure', async () => {
  const sim = await runningCluster({ servers: 4, hasWitness: true, fencing: { policy: 'required', action: 'off' } })
  deafen(sim, ['s2', 's3'])
  const controller = sim.cluster.power.controller('s1')
  controller.isDead = true
  sim.powerOff('s1')
  await sim.run(minutes(10))
  const executors = commitsOf(sim, 'FencingRequested').map(({ data }) => (data as { executor: string }).executor)
  expect(new Set(executors)).toEqual(new Set(['s2', 's3', 's4']))
  expect(commitsOf(sim, 'FencingFailed').length).toBeLessThan(100)
  controller.isDead = false
  expect(await sim.until(() => sim.isEverythingOnline(), minutes(2))).toBe(true)
})
