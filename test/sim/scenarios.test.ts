import { describe, expect, test } from 'vitest'
import { groupName, serverName } from '../../src/events/index.ts'
import { recover, runSeed } from '../../src/sim/seed.ts'
import { scenarioOf } from '../../src/sim/swarm.ts'
import { groupPlan, minutes, runningCluster, seconds } from './clusters.ts'

describe('a simulated cluster', () => {
  test('comes up by itself, and its group is at home', async () => {
    const sim = await runningCluster()
    expect(sim.ownerOf('web')).toBe('s1')
  })
  test('takes over what a server ran that lost its power', async () => {
    const sim = await runningCluster()
    sim.powerOff('s1')
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(10))).toBe(true)
  })
  test('stops on a server that is cut off before another starts it', async () => {
    const sim = await runningCluster()
    const mend = sim.isolate('s1')
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(20))).toBe(true)
    mend()
    await sim.run(minutes(1))
    expect(sim.state.servers.byName.s1?.status).toBe('up')
  })
  test('keeps running while its log has no leader', async () => {
    const sim = await runningCluster()
    for (const host of sim.hosts) sim.isolate(host, ['lan'])
    await sim.run(minutes(2))
    expect(sim.isEverythingOnline()).toBe(true)
    expect(sim.commits.some(({ commit }) => commit.events.some(({ type }) => type === 'ServerDeclaredDown'))).toBe(
      false,
    )
  })
  test('moves a group when it is told to', async () => {
    const sim = await runningCluster()
    sim.order('s2', { do: 'move-group', group: groupName('web'), server: serverName('s2') })
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(10))).toBe(true)
  })
  test('survives its guardian, its agent and its log server, one after the other', async () => {
    const sim = await runningCluster()
    for (const program of ['guardian', 'agent', 'log-server'] as const) {
      sim.kill('s1', program)
      await sim.run(seconds(20))
      expect(sim.isEverythingOnline()).toBe(true)
    }
    expect(sim.ownerOf('web')).toBe('s1')
  })
  test('of seven servers, of which five vote, goes on when three are lost at once', async () => {
    const homes = [0, 4, 6].map((home) => groupPlan(`g${home + 1}`, { home }))
    const sim = await runningCluster({ servers: 7, hasWitness: false, groups: homes })
    expect(homes.map(({ name }) => sim.ownerOf(name))).toEqual(['s1', 's5', 's7'])
    expect(sim.state.configuration.voters).toEqual(['s3', 's4', 's5', 's6', 's7'])
    const lost = ['s1', 's6', 's7']
    for (const server of lost) sim.powerOff(server)
    const isElsewhere = () => homes.every(({ name }) => !lost.includes(sim.ownerOf(name) ?? ''))
    expect(await sim.until(() => sim.isEverythingOnline() && isElsewhere(), seconds(30))).toBe(true)
    expect(sim.ownerOf('g5')).toBe('s5')
    for (const server of lost) sim.powerOn(server)
    await recover(sim)
  })
  test('brings up a resource that dies once in a while each time, process or not', async () => {
    const sim = await runningCluster()
    for (const resource of ['r0', 'r1', 'r0', 'r1', 'r0', 'r1', 'r0', 'r1', 'r0', 'r1']) {
      sim.breakResource('web', resource)
      await sim.run(1)
      expect(await sim.until(() => sim.isEverythingOnline(), seconds(30))).toBe(true)
      // After 10 minutes without an error its restarts are counted from 0 again.
      await sim.run(minutes(11))
    }
    expect(sim.ownerOf('web')).toBe('s1')
    const rungs = sim.commits.flatMap(({ commit }) => commit.events).filter(({ type }) => type.startsWith('Recovery'))
    expect(new Set(rungs.map(({ type }) => type))).toEqual(new Set(['RecoveryStarted', 'RecoveryCountsReset']))
  })
  test('of one server needs nobody else', async () => {
    const sim = await runningCluster({ servers: 1, hasWitness: false })
    sim.powerOff('s1')
    await sim.run(seconds(5))
    sim.powerOn('s1')
    await recover(sim)
  })
})

describe('the same seed', () => {
  const live = async (seed: number): Promise<string> => {
    const sim = await runningCluster({}, seed)
    sim.powerOff('s1')
    await sim.run(seconds(20))
    sim.powerOn('s1')
    await sim.run(minutes(1))
    return sim.trace
  }
  test('gives the same run, step by step; another gives another', async () => {
    expect(await live(7)).toBe(await live(7))
    expect(await live(8)).not.toBe(await live(7))
  })
})

test('the swarm has clusters of every size that is promised', () => {
  const sizes = Array.from({ length: 500 }, (_, at) => scenarioOf(at + 1).plan.servers)
  expect([...new Set(sizes)].toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(sizes.filter((size) => size > 5).length).toBeLessThan(25)
})

test('the same seed of the swarm gives the same run, faults and all', async () => {
  const live = async () => {
    const { strikes, ...outcome } = await runSeed(scenarioOf(6))
    return { ...outcome, strikes: strikes.map(({ at, fault }) => ({ at, fault })) }
  }
  expect(await live()).toEqual(await live())
})
