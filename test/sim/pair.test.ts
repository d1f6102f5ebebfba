/** Two servers and nobody else, each with its copy of the log, and the product's own code keeping them alike. */
import { describe, expect, test } from 'vitest'
import type { RefusalRequest } from '../../src/agents/control-protocol.ts'
import { serverName, voterName } from '../../src/events/index.ts'
import { places } from '../../src/sim/kit.ts'
import { goAlone, handOver } from '../../src/sim/orders.ts'
import type { ClusterPlan } from '../../src/sim/plan.ts'
import { recover, runSeed } from '../../src/sim/seed.ts'
import type { Simulation } from '../../src/sim/simulation.ts'
import { ask } from '../../src/sim/sockets.ts'
import { scenarioOf } from '../../src/sim/swarm.ts'
import { minutes, runningCluster, seconds } from './clusters.ts'

const sound: Partial<ClusterPlan> = { hasWitness: false, pingTargets: 1, pair: { isSound: true } }
const misjudged: Partial<ClusterPlan> = { ...sound, pair: { isSound: false } }

/** A seed's pair with a short T, and nothing but networks. */
const quick: Partial<ClusterPlan> = {
  hasCable: false,
  hasSharedDisk: false,
  hasWebWitness: false,
  hasControllers: false,
  otherTimeouts: [],
  otherVoters: [],
  keeps: false,
  ...sound,
  servers: 2,
  timeoutMs: 1000,
  intervalMs: 80,
}

const isOn = (sim: Simulation, server: string) => () => sim.isEverythingOnline() && sim.ownerOf('web') === server
const count = (sim: Simulation, type: string) =>
  sim.commits.flatMap(({ commit }) => commit.events).filter((event) => event.type === type).length

describe('a pair', () => {
  test.each([
    ['s1', 's2'],
    ['s2', 's1'],
  ])('goes on without %s, and takes its copy of the log back', async (lost, left) => {
    const sim = await runningCluster(sound)
    sim.powerOff(lost)
    expect(await sim.until(isOn(sim, left), seconds(10))).toBe(true)
    expect(sim.state.logSides.head).toBe(left)
    sim.powerOn(lost)
    await recover(sim)
  })
  test('takes over from a server that is cut off, after that one has stopped', async () => {
    const sim = await runningCluster(sound)
    const mend = sim.isolate('s1')
    expect(await sim.until(isOn(sim, 's2'), seconds(10))).toBe(true)
    mend()
    await recover(sim)
  })
  test('of which nobody reaches the target stops everything, and starts again with it', async () => {
    const sim = await runningCluster(sound)
    for (const host of sim.hosts) sim.isolate(host)
    expect(await sim.until(() => sim.ledger.running().length === 0, seconds(4))).toBe(true)
    sim.heal()
    await recover(sim)
  })
  test('that is suspended when one is lost goes on without it once it is resumed', async () => {
    const sim = await runningCluster(sound)
    sim.order('s1', { do: 'suspend-cluster' })
    await sim.run(seconds(5))
    sim.powerOff(sim.ownerOf('web') ?? '')
    await sim.run(seconds(30))
    expect(count(sim, 'ServerDeclaredDown')).toBe(0)
    sim.order('s2', { do: 'resume-cluster' })
    expect(await sim.until(isOn(sim, 's2'), seconds(10))).toBe(true)
    sim.powerOn('s1')
    await recover(sim)
  })
  test('says what it would refuse, before a person answers for it, and does nothing else', async () => {
    const sim = await runningCluster(sound)
    const before = sim.commits.length
    const said = (of: RefusalRequest['of']): string => {
      let answer = ''
      const request = { method: 'POST', path: '/refusal', body: JSON.stringify({ of }) }
      expect(ask(sim.cluster.host('s1'), places.control, request, (text) => (answer += text))).toBe(true)
      return answer
    }
    expect(said('go-alone')).toMatch(/"step":"refused","because":"s2 is heard"/)
    expect(said('hand-over')).toMatch(/the log can be written/)
    expect(said({ do: 'readmit-voter', voter: voterName('s9') })).toMatch(/there is no voter s9.*one of: s1, s2/)
    expect(said({ do: 'stop-server', server: serverName('s2') })).toBe('')
    await sim.run(seconds(1))
    expect(sim.commits.length).toBe(before)
  })
  test('survives that both lose their power', async () => {
    const sim = await runningCluster(sound)
    for (const host of sim.hosts) sim.powerOff(host)
    await sim.run(seconds(5))
    sim.powerOn('s2')
    await sim.run(seconds(20))
    expect(sim.ledger.running()).toEqual([])
    sim.powerOn('s1')
    await recover(sim)
  })
  test('with only a cable left goes on where it was, and hands over when it is told to', async () => {
    const sim = await runningCluster({ ...sound, hasCable: true })
    for (const network of sim.plan.networks)
      for (const [from, to] of [
        ['s1', 's2'],
        ['s2', 's1'],
      ] as const)
        sim.cut(network, from, to)
    await sim.run(minutes(1))
    expect(isOn(sim, 's1')()).toBe(true)
    handOver(sim, 's1')
    expect(await sim.until(isOn(sim, 's2'), seconds(10))).toBe(true)
    sim.heal()
    await recover(sim)
  })
  test('whose other server is gone for good goes on by an operator’s word', async () => {
    const sim = await runningCluster(misjudged)
    for (const host of sim.hosts) sim.powerOff(host)
    await sim.run(seconds(5))
    sim.powerOn('s2')
    await sim.run(seconds(10))
    goAlone(sim, 's2', seconds(30))
    expect(await sim.until(isOn(sim, 's2'), seconds(40))).toBe(true)
  })
})

describe('a pair of which both servers are judged connected, deaf to each other', () => {
  test('ends with one history, and the other one is in a file, of which the log says so once', async () => {
    const sim = await runningCluster(misjudged)
    const mends = sim.plan.networks.flatMap((network) => [sim.cut(network, 's1', 's2'), sim.cut(network, 's2', 's1')])
    const isAlone = (host: string) =>
      sim.history.some(({ text }) => text.startsWith(`${host} agent: the log goes on with this server alone`))
    expect(await sim.until(() => isAlone('s1') && isAlone('s2'), seconds(10))).toBe(true)
    expect(await sim.until(() => sim.ledger.on('s2').length > 0, seconds(1))).toBe(true)
    expect(sim.ledger.on('s1').length).toBeGreaterThan(0)
    for (const mend of mends) mend()
    await recover(sim)
    await sim.run(minutes(1))
    // It was said again and again, hundreds of times a second: nobody took note that the log has it.
    expect(count(sim, 'LogTailSetAside')).toBe(1)
  })
})

// A commit came while the copies were compared. What had been read was held against where the other copy had ended before:
// s1, which was only behind, took the log for split, and forgot a renunciation whose generation stands on the log.
test('a server that is behind while commits come gives up nothing that stands on the log', async () => {
  const { failure } = await runSeed(scenarioOf(36, quick))
  expect(failure, failure ?? '').toBeNull()
})

// s2 barred s1 while its disk failed, and never said so: s1 got no answers, did not learn why, and stayed alone for good.
test('a server whose disk failed when it gave the other up says so once the disk works, and the pair is one again', async () => {
  const { failure } = await runSeed(scenarioOf(121, quick))
  expect(failure, failure ?? '').toBeNull()
})

// 1. Both ran g1. s1 had it under the older epoch, let it go, and wrote down that this epoch is over.
// 2. The history that went on was that of s1, for it was longer; by it g1 was still with s1, under that epoch.
// 3. s1 might not run it, and nobody else might either.
test('a group that the server let go whose history goes on is taken up again', async () => {
  const { failure } = await runSeed(scenarioOf(881, {}, { pairs: true }))
  expect(failure, failure ?? '').toBeNull()
})

// The simulator knew of answers of ping targets alone, and took this server for one that ran without a lease.
test('a server that is cut off runs on by the disk that is asked, as long as one method is enough', async () => {
  const sim = await runningCluster({ ...sound, hasSharedDisk: true, pair: { isSound: false, asksDisk: true } })
  sim.order('s1', { do: 'suspend-cluster' })
  expect(await sim.until(() => sim.state.cluster.suspended, seconds(5))).toBe(true)
  sim.powerOff('s2')
  await sim.run(seconds(1))
  for (const host of sim.hosts) sim.isolate(host)
  await sim.run(seconds(30))
  expect(isOn(sim, 's1')()).toBe(true)
})

// A disk counted as usable until T after it had failed, and as usable at present: its server ran on for T too long.
test('a server that loses the disk by which it knew itself connected is off before the other starts', async () => {
  const pair = { isSound: true, asksDisk: true }
  const sim = await runningCluster({ ...sound, hasSharedDisk: true, pair })
  sim.cluster.sharedDisk.detached.add('s1')
  sim.isolate('s1')
  expect(await sim.until(isOn(sim, 's2'), seconds(15))).toBe(true)
})
