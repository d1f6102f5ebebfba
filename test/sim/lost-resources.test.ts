/** Resources that go away by themselves at a moment when nothing can be recorded of it, or done about it. */
import { expect, test } from 'vitest'
import { groupName, serverName } from '../../src/events/index.ts'
import type { Simulation } from '../../src/sim/simulation.ts'
import { groupPlan, minutes, runningCluster, seconds } from './clusters.ts'

const isMended = (sim: Simulation): Promise<boolean> => sim.until(() => sim.isEverythingOnline(), minutes(1))
const said = (sim: Simulation) => sim.commits.flatMap(({ commit }) => commit.events.map(({ type }) => type))

test('a unit that dies while the log takes nothing is restarted once it takes something', async () => {
  const sim = await runningCluster()
  for (const host of ['s2', 'w']) sim.pause(host, 'log-server', seconds(40))
  await sim.run(seconds(10))
  sim.breakResource('web', 'r1')
  await sim.run(seconds(20))
  expect(said(sim)).not.toContain('ResourceLost')
  await sim.run(seconds(10))
  expect(await isMended(sim)).toBe(true)
  expect(sim.ownerOf('web')).toBe('s1')
})

test('a unit that dies while the rest of its group is coming up is restarted once the group is up', async () => {
  const sim = await runningCluster({ groups: [groupPlan('web', { resources: 4 })] })
  sim.behave('s2', { activation: [2000, 2000] })
  sim.order('s1', { do: 'move-group', group: groupName('web'), server: serverName('s2') })
  const isHalfUp = () =>
    sim.ledger.running().some(({ host, resource, isUp }) => host === 's2' && resource === 'r1' && isUp)
  expect(await sim.until(isHalfUp, seconds(20))).toBe(true)
  sim.breakResource('web', 'r1')
  await sim.run(1)
  expect(sim.isEverythingOnline()).toBe(false)
  expect(await isMended(sim)).toBe(true)
  expect(sim.ownerOf('web')).toBe('s2')
})

test('a unit that dies while the cluster is suspended is restarted once it is resumed', async () => {
  const sim = await runningCluster()
  sim.order('s1', { do: 'suspend-cluster' })
  await sim.run(seconds(2))
  sim.breakResource('web', 'r1')
  await sim.run(minutes(1))
  expect(sim.isEverythingOnline()).toBe(false)
  expect(said(sim).filter((type) => type === 'RecoverySuppressed')).toHaveLength(1)
  expect(sim.state.monitors['web.r1']?.servers.s1?.verdict).toBe('error')
  sim.order('s1', { do: 'resume-cluster' })
  expect(await isMended(sim)).toBe(true)
})
