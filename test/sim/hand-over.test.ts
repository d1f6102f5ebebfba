/** A server that was told to give everything away by its word alone, and cannot. */
import { expect, test } from 'vitest'
import { goodBehaviour } from '../../src/sim/drivers.ts'
import { handOver } from '../../src/sim/orders.ts'
import { groupPlan, minutes, runningCluster, seconds } from './clusters.ts'

test('where something cannot be stopped, the rules take over once the log can be written', async () => {
  const sim = await runningCluster({
    groups: [groupPlan('small', { resources: 1 }), groupPlan('large', { resources: 4 })],
  })
  const runs = (group: string) => sim.ledger.running().filter((run) => run.group === group).length
  for (const host of ['s2', 'w']) sim.pause(host, 'log-server', seconds(40))
  await sim.run(seconds(10))
  sim.behave('s1', { deactivation: [200, 200] })
  handOver(sim, 's1')
  expect(await sim.until(() => runs('small') === 0, seconds(5))).toBe(true)
  // From here on nothing is taken down, not even by force.
  sim.behave('s1', { deactivation: [minutes(10), minutes(10)], urgent: [minutes(10), minutes(10)] })
  await sim.run(seconds(25))
  expect(runs('small')).toBe(0)
  expect(runs('large')).toBeGreaterThan(0)
  const types = () => sim.commits.flatMap(({ commit }) => commit.events.map(({ type }) => type))
  expect(await sim.until(() => types().includes('GroupFailed'), minutes(1))).toBe(true)
  sim.behave('s1', goodBehaviour)
  expect(await sim.until(() => sim.isEverythingOnline(), minutes(2))).toBe(true)
  // By the final action of what was stuck.
  expect([sim.ownerOf('small'), sim.ownerOf('large')]).toEqual(['s2', 's2'])
  expect(types()).not.toContain('ServerDeclaredDown')
})
