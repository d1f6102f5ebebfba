/** Voters whose disk is lost for good: rule 3 of liveness. */
import { expect, test } from 'vitest'
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
