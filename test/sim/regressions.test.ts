/** Mistakes that the simulation has found, each as the shortest scenario that shows it. */
import { expect, test } from 'vitest'
import { groupName, resourceName } from '../../src/events/index.ts'
import { recover } from '../../src/sim/seed.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { minutes, runningCluster, seconds, usualPlan } from './clusters.ts'

// What ran was off, but that could not be written down: the resource was taken for stuck, and its group for failed.
test('a group that stops on a server with a full disk has stopped', async () => {
  const sim = await runningCluster()
  sim.failDisk('s1', 'no space left on device')
  sim.order('s1', { do: 'stop-resource', group: groupName('web'), resource: resourceName('r1') })
  await sim.run(seconds(10))
  expect(sim.ledger.running().map(({ resource }) => resource)).toEqual(['r0'])
  expect(JSON.stringify(sim.commits.map(({ commit }) => commit.events))).not.toContain('even by force')
})

// A guardian that could not write the manifest died of it, with a rejection that nobody cared for.
test('a guardian that takes everything down while the disk is full lives on', async () => {
  const sim = await runningCluster()
  const guardian = sim.cluster.program('s1', 'guardian')
  sim.pause('s1', 'agent', minutes(1))
  sim.failDisk('s1', 'no space left on device')
  await sim.run(seconds(30))
  expect(sim.ledger.on('s1')).toEqual([])
  expect(guardian?.isAlive).toBe(true)
})

// An order that was recorded before the first configuration kept it off the log for ever: nothing ever ran.
test('an order that comes before the first configuration does not keep it off the log', async () => {
  const sim = new Simulation({ seed: 1, plan: usualPlan })
  sim.boot()
  for (let at = 0; at < seconds(2); at += 5) sim.at(at, () => sim.order('s1', { do: 'resume-cluster' }))
  await sim.run(seconds(2))
  await recover(sim)
  expect(sim.commits[0]?.commit.events.map(({ type }) => type)).toEqual(['ClusterCreated', 'ConfigurationApplied'])
})
