/** Servers that were stopped and started anew: until an operator lets them return, they take management groups alone. */
import { describe, expect, test } from 'vitest'
import { groupName, serverName } from '../../src/events/index.ts'
import type { ClusterPlan } from '../../src/sim/plan.ts'
import type { Simulation } from '../../src/sim/simulation.ts'
import { groupPlan, minutes, runningCluster, seconds } from './clusters.ts'

const managed = [groupPlan('web'), groupPlan('t', { resources: 1, isManagement: true })]

const placesIn = (sim: Simulation) => ({ web: sim.ownerOf('web'), t: sim.ownerOf('t') })
const awaiting = (sim: Simulation) =>
  Object.values(sim.state.servers.byName).flatMap((one) => (one.awaitsReturn && one.status === 'up' ? [one.name] : []))

/** Stopped one after the other, both off, both on again: nobody has said that they may return. */
const restartedCluster = async (wish: Partial<ClusterPlan> = {}): Promise<Simulation> => {
  const sim = await runningCluster({ groups: managed, ...wish })
  for (const server of sim.servers.map(serverName)) {
    sim.order(server, { do: 'stop-server', server })
    if (!(await sim.until(() => sim.state.servers.byName[server]?.status === 'left', minutes(1))))
      throw new Error(`${server} does not leave`)
  }
  for (const server of sim.servers) sim.powerOff(server)
  await sim.run(seconds(1))
  for (const server of sim.servers) sim.powerOn(server)
  if (!(await sim.until(() => awaiting(sim).length === sim.servers.length, minutes(1))))
    throw new Error('not all servers are there again')
  return sim
}
const comesTo = (sim: Simulation, places: ReturnType<typeof placesIn>): Promise<boolean> =>
  sim.until(() => JSON.stringify(placesIn(sim)) === JSON.stringify(places), minutes(1))
const runs = (sim: Simulation) => sim.ledger.running().map(({ group, host }) => `${group} on ${host}`)

describe('a management group', () => {
  test('runs although no server has returned, and nothing else does', async () => {
    const sim = await restartedCluster()
    expect(await comesTo(sim, { web: null, t: 's1' })).toBe(true)
    await sim.run(minutes(2))
    expect(runs(sim)).toEqual(['t on s1'])
  })
  test('is taken over from a server that dies before it has returned', async () => {
    const sim = await restartedCluster()
    await comesTo(sim, { web: null, t: 's1' })
    sim.powerOff('s1')
    expect(await comesTo(sim, { web: null, t: 's2' })).toBe(true)
  })
  test('runs where there is but one server', async () => {
    const sim = await restartedCluster({ servers: 1, hasWitness: false })
    expect(await comesTo(sim, { web: null, t: 's1' })).toBe(true)
  })
  test('runs in a pair', async () => {
    const sim = await restartedCluster({ hasWitness: false, pingTargets: 1, pair: { isSound: true } })
    expect(await comesTo(sim, { web: null, t: 's1' })).toBe(true)
  })
  test('leaves with the others a server that is stopped, and does not come back to it', async () => {
    const sim = await runningCluster({ groups: managed })
    sim.order('s1', { do: 'stop-server', server: serverName('s1') })
    expect(await comesTo(sim, { web: 's2', t: 's2' })).toBe(true)
    await sim.run(minutes(1))
    expect(awaiting(sim)).toEqual([])
    sim.powerOff('s2')
    await sim.run(minutes(1))
    expect(runs(sim)).toEqual([])
  })
  test('leaves a server that is stopped once more before it has returned', async () => {
    const sim = await restartedCluster()
    await comesTo(sim, { web: null, t: 's1' })
    sim.order('s2', { do: 'stop-server', server: serverName('s1') })
    expect(await comesTo(sim, { web: null, t: 's2' })).toBe(true)
    expect(awaiting(sim)).toEqual(['s2'])
  })
})

describe('a server that returns', () => {
  test('takes what it may from then on; the groups wait until all have returned', async () => {
    const sim = await restartedCluster()
    await comesTo(sim, { web: null, t: 's1' })
    sim.order('s1', { do: 'start-server', server: serverName('s2') })
    await sim.run(sim.plan.startSyncMs - seconds(1))
    expect(placesIn(sim)).toEqual({ web: null, t: 's1' })
    sim.order('s2', { do: 'start-server', server: serverName('s1') })
    expect(await sim.until(() => sim.isEverythingOnline(), seconds(10))).toBe(true)
    expect(placesIn(sim)).toEqual({ web: 's1', t: 's1' })
  })
  test('alone is given the groups once the others were waited for', async () => {
    const sim = await restartedCluster()
    sim.order('s1', { do: 'start-server', server: serverName('s2') })
    expect(await comesTo(sim, { web: 's2', t: 's1' })).toBe(true)
  })
  test('is named where a group cannot start before', async () => {
    const sim = await restartedCluster()
    sim.order('s1', { do: 'start-group', group: groupName('web'), server: null })
    await sim.run(seconds(5))
    const refused = sim.commits.flatMap(({ commit }) => commit.events).find(({ type }) => type === 'OperationRefused')
    expect(JSON.stringify(refused)).toContain('it awaits its return (baton server start s1)')
  })
})

// Its machine died while it was stopping: what it still owned would have been started there once more.
test('a server that dies while it stops awaits its return afterwards: it passes on what is no management group', async () => {
  const sim = await runningCluster({ groups: managed })
  sim.behave('s1', { hang: 0, stopHang: 1, failure: 0, stopFailure: 0 })
  sim.order('s1', { do: 'stop-server', server: serverName('s1') })
  await sim.run(500)
  sim.powerOff('s1')
  sim.powerOn('s1')
  expect(await comesTo(sim, { web: 's2', t: 's1' })).toBe(true)
  expect(awaiting(sim)).toEqual(['s1'])
})

/** `s1` loses its power, is told to stop while it is not there, and boots. */
const stoppedWhileGone = async (wish: Partial<ClusterPlan>): Promise<Simulation> => {
  const sim = await runningCluster(wish)
  if (wish.fencing) sim.cluster.power.controller('s1').isDead = true
  sim.powerOff('s1')
  if (!(await sim.until(() => sim.state.fencing.pending.s1 !== undefined, minutes(1))))
    throw new Error('nobody wants s1 proven off')
  sim.order('s2', { do: 'stop-server', server: serverName('s1') })
  await sim.run(seconds(10))
  expect(sim.ownerOf('web')).toBe('s1')
  sim.powerOn('s1')
  return sim
}

describe('a server that was told to stop after it crashed, and boots, says itself that it is off', () => {
  const uses: Readonly<Record<string, Partial<ClusterPlan>>> = {
    'servers keep what they run without a quorum': { keeps: true },
    'its fence device is dead': { fencing: { policy: 'required', action: 'off' } },
  }
  test.for(Object.entries(uses))('where %s', async ([, wish]) => {
    const sim = await stoppedWhileGone(wish)
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', minutes(1))).toBe(true)
    const { s1 } = sim.state.servers.byName
    expect({ status: s1?.status, stopOrdered: s1?.stopOrdered }).toEqual({ status: 'down', stopOrdered: true })
    sim.order('s2', { do: 'start-server', server: serverName('s1') })
    expect(await sim.until(() => sim.state.servers.byName.s1?.status === 'up', minutes(1))).toBe(true)
    await sim.run(minutes(1))
    expect(runs(sim)).toEqual(['web on s2', 'web on s2'])
  })
})
