/** Mirror disks in whole clusters: what is written on one server is there on the other. */
import { expect, test } from 'vitest'
import { recover } from '../../src/sim/seed.ts'
import type { Simulation } from '../../src/sim/simulation.ts'
import { groupPlan, minutes, runningCluster, seconds } from './clusters.ts'

const mirror = { mode: 'sync', initial: 'none', patience: 1, regionSize: 4096 } as const
const mirrored = (timeoutMs = 3000, seed = 1): Promise<Simulation> =>
  runningCluster({ timeoutMs, intervalMs: timeoutMs / 10, groups: [groupPlan('web', { mirror })] }, seed)

const acknowledgedIn = ({ cluster }: Simulation): number => cluster.mirrors.all[0]?.judge.account.acknowledged ?? 0

test('a mirror disk goes on with what was acknowledged when its server loses its power, and is whole again afterwards', async () => {
  const sim = await mirrored()
  await sim.run(seconds(5))
  const acknowledged = acknowledgedIn(sim)
  expect(acknowledged).toBeGreaterThan(20)
  sim.powerOff('s1')
  expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(15))).toBe(true)
  expect(sim.isWell()).toBe(false)
  await sim.run(seconds(5))
  expect(acknowledgedIn(sim)).toBeGreaterThan(acknowledged + 20)
  sim.powerOn('s1')
  await recover(sim)
})

test('a copy that lacks what was written since is not served, and the group waits for the other one', async () => {
  const sim = await mirrored()
  sim.powerOff('s1')
  expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(15))).toBe(true)
  sim.powerOff('s2')
  sim.powerOn('s1')
  await sim.run(minutes(1))
  expect(sim.ledger.running()).toEqual([])
  sim.powerOn('s2')
  await recover(sim)
  expect(sim.ownerOf('web')).toBe('s2')
})

test('a data plane that dies takes its group with it, and an agent that dies does not', async () => {
  const sim = await mirrored()
  sim.kill('s1', 'agent')
  await sim.run(seconds(10))
  expect(sim.ledger.running().map(({ epoch }) => epoch)).toEqual(
    sim.ledger.running().map(() => sim.ledger.on('s1')[0]?.epoch),
  )
  expect(sim.isEverythingOnline()).toBe(true)
  const before = acknowledgedIn(sim)
  // Two levels of others run on it; the lower one waited for the upper one, which had no reason to go: for ever.
  sim.breakResource('web', 'disk')
  await sim.run(1)
  expect(sim.isEverythingOnline()).toBe(false)
  expect(await sim.until(() => sim.isWell(), seconds(20))).toBe(true)
  await sim.run(seconds(2))
  expect(acknowledgedIn(sim)).toBeGreaterThan(before)
  await recover(sim)
})

// What the mirror claimed was the barrier of the new agent: it never joined, and the log went by the start before, for ever.
test.each([1, 2, 3, 4])(
  'a mirror is served again after a power failure of everything that is shorter than T: seed %i',
  async (seed) => {
    const sim = await mirrored(30_000, seed)
    for (const host of sim.hosts) sim.powerOff(host)
    await sim.run(seconds(1))
    for (const host of sim.hosts) sim.powerOn(host)
    expect(await sim.until(() => sim.isWell(), minutes(1))).toBe(true)
    expect(sim.state.servers.byName.s1?.boot).toBe(sim.cluster.host('s1').bootId)
    await recover(sim)
  },
)
