/** Mistakes that the simulation has found, each as the shortest scenario that shows it. */
import { expect, test } from 'vitest'
import { type Command, groupName, resourceName, serverName } from '../../src/events/index.ts'
import { recover } from '../../src/sim/seed.ts'
import { Simulation } from '../../src/sim/simulation.ts'
import { groupPlan, minutes, runningCluster, seconds, usualPlan } from './clusters.ts'

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

// The others took what was asked on it for lost, because it was not up: `server start` failed, and had been done.
test('what is asked on a server that is stopped is settled as anywhere else', async () => {
  const sim = await runningCluster()
  const asked = async (command: Command) => {
    sim.order('s1', command)
    await sim.run(seconds(10))
    return sim.state.operations.at(-1)
  }
  expect(await asked({ do: 'stop-server', server: serverName('s1') })).toMatchObject({ outcome: 'done' })
  expect(sim.state.servers.byName.s1?.status).toBe('left')
  expect(await asked({ do: 'stop-group', group: groupName('web') })).toMatchObject({ outcome: 'done' })
  expect(await asked({ do: 'start-group', group: groupName('web'), server: null })).toMatchObject({ outcome: 'done' })
  expect(await asked({ do: 'start-server', server: serverName('s1') })).toMatchObject({ outcome: 'done' })
  expect(sim.state.servers.byName.s1?.status).toBe('up')
})

// A first commit that came late was no barrier: the server asked for a second generation milliseconds after the first.
test('a server whose join was given up, and stands on the log after all, joins once', async () => {
  const sim = await runningCluster({ timeoutMs: 30_000, intervalMs: 3000 })
  const leader = [...sim.group.replicas.values()].find(({ role }) => role === 'leader')
  const server = sim.servers.find((name) => name !== leader?.name) ?? ''
  sim.powerOff(server)
  sim.powerOn(server)
  const isAsked = () =>
    leader?.store.entries.slice(leader.store.applied).some(({ bytes }) => bytes?.includes('ServerJoined')) === true
  expect(await sim.until(isAsked, seconds(10), 1)).toBe(true)
  // The log has no majority for longer than an append is pursued.
  const mends = sim.hosts.map((host) => sim.isolate(host, ['lan']))
  await sim.run(seconds(12))
  for (const mend of mends) mend()
  const before = sim.commits.length
  await sim.run(minutes(1))
  const joins = sim.commits
    .slice(before)
    .flatMap(({ commit }) => commit.events.filter(({ type }) => type === 'ServerJoined'))
  expect(joins).toMatchObject([{ data: { server } }])
})

// The log was told of a save that no flush had made durable: the copy was refused as one from a backup, for ever.
test.each([2, 6])(
  'a copy whose metadata could not be flushed before a power failure is served again: seed %i',
  async (seed) => {
    const mirror = { mode: 'sync', initial: 'none', patience: 1, regionSize: 4096 } as const
    const sim = await runningCluster({ groups: [groupPlan('web', { mirror })] }, seed)
    const { all, partitions } = sim.cluster.mirrors
    const metadata = all[0]?.metadata('s1') ?? ''
    await sim.run(seconds(3))
    sim.fault('flushes of its cluster partition fail', () => partitions.fail('s1', metadata, 'flush'))
    sim.powerOff('s2')
    await sim.run(seconds(5))
    sim.powerOff('s1')
    partitions.mend('s1', metadata)
    for (const server of sim.servers) sim.after(500, () => sim.powerOn(server))
    await sim.run(seconds(1))
    await recover(sim)
  },
)
