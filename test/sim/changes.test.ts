/** T and the voters change while groups run, and while something fails. */
import { describe, expect, test } from 'vitest'
import { serverName } from '../../src/events/index.ts'
import { sourceOf } from '../../src/sim/plan.ts'
import type { Simulation } from '../../src/sim/simulation.ts'
import { minutes, runningCluster, seconds } from './clusters.ts'

const apply = (sim: Simulation, wish: Partial<Simulation['plan']>, on = 's1'): void => {
  sim.order(on, { do: 'apply-configuration', source: sourceOf({ ...sim.plan, ...wish }), note: '' })
}
const timeoutOf = (sim: Simulation): number | undefined => sim.state.configuration.current?.heartbeat.timeout

describe('another T', () => {
  test.each([1500, 9000])('of %i ms is gone by while groups run, and takeovers wait for it', async (timeoutMs) => {
    const sim = await runningCluster({ otherTimeouts: [3000, timeoutMs] })
    apply(sim, { timeoutMs })
    expect(await sim.until(() => timeoutOf(sim) === timeoutMs, seconds(10))).toBe(true)
    await sim.run(minutes(1))
    expect(sim.ownerOf('web')).toBe('s1')
    const before = sim.now
    sim.powerOff('s1')
    expect(await sim.until(() => sim.ownerOf('web') === 's2', seconds(30))).toBe(true)
    expect(sim.now - before).toBeGreaterThan(timeoutMs - sim.plan.intervalMs - 100)
    expect(sim.now - before).toBeLessThan(timeoutMs * 1.5 + 1000)
  })
  test('that a cut server never heard of gives it no longer lease', async () => {
    const sim = await runningCluster({ otherTimeouts: [3000, 1500] })
    sim.isolate('s1')
    apply(sim, { timeoutMs: 1500 }, 's2')
    expect(await sim.until(() => timeoutOf(sim) === 1500, seconds(10))).toBe(true)
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(30))).toBe(true)
  })
})

describe('other voters', () => {
  const plan = { servers: 3, hasWitness: true, otherVoters: [['s2', 's3', 'w']] }
  const votersOf = (sim: Simulation) => sim.state.configuration.voters.join(' ')
  test('count from when every server has said so, and nobody stops for it', async () => {
    const sim = await runningCluster(plan)
    apply(sim, { voters: ['s2', 's3', 'w'] })
    expect(await sim.until(() => votersOf(sim) === 's2 s3 w', seconds(20))).toBe(true)
    expect(sim.isEverythingOnline()).toBe(true)
    sim.isolate('s1')
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') !== 's1', seconds(30))).toBe(true)
  })
  test('wait for a server that is cut off, until it is declared down by the old ones', async () => {
    const sim = await runningCluster(plan)
    sim.isolate('s1')
    apply(sim, { voters: ['s2', 's3', 'w'] }, 's2')
    expect(await sim.until(() => votersOf(sim) === 's2 s3 w', minutes(1))).toBe(true)
    expect(sim.state.servers.byName.s1?.status).not.toBe('up')
  })
})

test('a server is taken out once it has stopped; later changes of the voters do not wait for it', async () => {
  const voters = ['s1', 's2', 's3']
  const sim = await runningCluster({ servers: 5, hasWitness: false, voters, otherVoters: [['s1', 's2', 's4']] })
  const version = () => sim.state.configuration.version
  apply(sim, { servers: 4 })
  await sim.run(seconds(5))
  expect(version()).toBe(1)
  sim.order('s1', { do: 'stop-server', server: serverName('s5') })
  expect(await sim.until(() => sim.state.servers.byName.s5?.status === 'left', minutes(1))).toBe(true)
  apply(sim, { servers: 4 })
  expect(await sim.until(() => version() === 2, seconds(10))).toBe(true)
  sim.powerOff('s5')
  sim.powerOn('s5')
  await sim.run(minutes(1))
  apply(sim, { servers: 4, voters: ['s1', 's2', 's4'] })
  expect(await sim.until(() => sim.state.configuration.voters.join(' ') === 's1 s2 s4', minutes(1))).toBe(true)
  expect(sim.isEverythingOnline()).toBe(true)
})
