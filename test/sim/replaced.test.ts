/** Voters whose disk is lost for good: rule 3 of liveness. */
import { expect, test } from 'vitest'
import { places } from '../../src/sim/kit.ts'
import { readmit, replaceDisk } from '../../src/sim/rare-faults.ts'
import { recover } from '../../src/sim/seed.ts'
import { minutes, runningCluster, seconds } from './clusters.ts'

test('a witness that has another disk counts for nothing before it is re-admitted', async () => {
  const sim = await runningCluster()
  replaceDisk(sim, 'w')
  sim.powerOn('w')
  await sim.run(seconds(20))
  sim.powerOff('s1')
  await sim.run(minutes(1))
  expect(sim.state.servers.byName.s1?.status).toBe('up')
  expect(sim.ledger.running()).toEqual([])
  readmit(sim, 'w', 's2')
  expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', minutes(1))).toBe(true)
})

test('a server that has another disk runs groups again, and votes once it is re-admitted', async () => {
  const sim = await runningCluster()
  replaceDisk(sim, 's1')
  sim.powerOn('s1')
  expect(await sim.until(() => sim.isEverythingOnline(), minutes(1))).toBe(true)
  readmit(sim, 's1', 's2')
  await sim.run(seconds(20))
  sim.powerOff('w')
  await sim.run(minutes(1))
  expect(sim.isEverythingOnline()).toBe(true)
})

test('a machine that comes back with another disk and a clock far behind is heard again', async () => {
  const sim = await runningCluster()
  replaceDisk(sim, 's1')
  sim.setWall('s1', -minutes(60 * 24))
  sim.powerOn('s1')
  await recover(sim)
  expect(sim.state.servers.byName.s1?.status).toBe('up')
})

// Something else that it had put on the log was its barrier, and it started groups under the generation that it had renounced.
test('a server that has another disk starts nothing under a generation that it has given its word on', async () => {
  const sim = await runningCluster({ timeoutMs: 10_000, intervalMs: 800 })
  await sim.run(seconds(30))
  const reconnect = sim.isolate('s1')
  const hasRenounced = () => /"renounced":[1-9]/.test(sim.cluster.host('s1').disk.read(places.voterStore) ?? '')
  expect(await sim.until(hasRenounced, seconds(9), 5)).toBe(true)
  replaceDisk(sim, 's1')
  reconnect()
  sim.powerOn('s1')
  const isItsOwn = () => sim.commits.some(({ commit }) => commit.events.some(({ type }) => type === 'ClusterResumed'))
  const order = () => sim.cluster.program('s1', 'agent') && sim.order('s1', { do: 'resume-cluster' })
  sim.order('s2', { do: 'suspend-cluster' })
  for (let ms = 0; ms < seconds(2); ms += 3) sim.at(sim.now + ms, () => isItsOwn() || order())
  expect(await sim.until(() => sim.isEverythingOnline(), seconds(20))).toBe(true)
  expect(isItsOwn()).toBe(true)
})
