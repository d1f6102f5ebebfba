/** What stands beside machines and networks: serial cables, shared disks, ping targets, power controllers. */
import { describe, expect, test } from 'vitest'
import { places } from '../../src/sim/kit.ts'
import { recover } from '../../src/sim/seed.ts'
import { ask } from '../../src/sim/sockets.ts'
import { minutes, runningCluster, seconds } from './clusters.ts'

const wereDeclaredDown = (sim: Awaited<ReturnType<typeof runningCluster>>): boolean =>
  sim.commits.some(({ commit }) => commit.events.some(({ type }) => type === 'ServerDeclaredDown'))

describe('a serial cable', () => {
  test('keeps two servers together that have nothing else left', async () => {
    const sim = await runningCluster({ hasCable: true, hasWitness: true })
    for (const host of sim.hosts) sim.isolate(host)
    await sim.run(minutes(1))
    expect(sim.isEverythingOnline()).toBe(true)
    expect(wereDeclaredDown(sim)).toBe(false)
  })
  test('that is pulled as well lets the group stop where it was', async () => {
    const sim = await runningCluster({ hasCable: true })
    for (const host of sim.hosts) sim.isolate(host)
    sim.cluster.cable.isPulled = true
    expect(await sim.until(() => sim.ledger.running().length === 0, seconds(4))).toBe(true)
  })
  test.each(['s1', 's2'])(
    'of which the direction from %s is dead lets the server that is cut off stop, and the other one go on',
    async (mute) => {
      const sim = await runningCluster({ hasCable: true })
      sim.isolate('s1')
      await sim.run(minutes(1))
      expect(sim.ownerOf('web')).toBe('s1')
      expect(wereDeclaredDown(sim)).toBe(false)
      sim.cluster.cable.mute.add(mute)
      expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(20))).toBe(true)
    },
  )
  test('with noise on it is a path that loses beats, and nothing worse', async () => {
    const sim = await runningCluster({ hasCable: true })
    sim.cluster.cable.noise = 0.01
    await sim.run(minutes(1))
    expect(sim.isEverythingOnline()).toBe(true)
  })
})

describe('a shared disk', () => {
  test('keeps servers together that have nothing else left', async () => {
    const sim = await runningCluster({ hasSharedDisk: true })
    for (const host of sim.hosts) sim.isolate(host)
    await sim.run(minutes(1))
    expect(sim.isEverythingOnline()).toBe(true)
    expect(wereDeclaredDown(sim)).toBe(false)
  })
  test('keeps the last beat of a dead server, which is none', async () => {
    const sim = await runningCluster({ hasSharedDisk: true })
    sim.powerOff('s1')
    sim.kill('s2', 'agent')
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(20))).toBe(true)
  })
})

describe('required fencing', () => {
  const fencing = { policy: 'required', action: 'off' } as const
  test('switches a machine off that stands still without a watchdog, before its group starts elsewhere', async () => {
    const sim = await runningCluster({ fencing, hasWatchdog: false })
    sim.freeze('s1', minutes(10))
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(30))).toBe(true)
    expect(sim.cluster.host('s1').isOn).toBe(false)
  })
  test('starts nothing elsewhere while the controller does not answer, and goes on once it does', async () => {
    const sim = await runningCluster({ fencing, hasWatchdog: false })
    sim.cluster.power.controller('s1').isDead = true
    sim.freeze('s1', minutes(10))
    await sim.run(minutes(1))
    expect(sim.ledger.on('s2')).toHaveLength(0)
    sim.cluster.power.controller('s1').isDead = false
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', minutes(1))).toBe(true)
  })
  test('believes no controller that says it obeys, but what is seen', async () => {
    const sim = await runningCluster({ fencing, hasWatchdog: false })
    sim.cluster.power.controller('s1').isDisobedient = true
    sim.freeze('s1', minutes(10))
    await sim.run(minutes(1))
    expect(sim.ledger.on('s2')).toHaveLength(0)
  })
  test('switches a machine off that is suspended, whose watchdog is suspended with it', async () => {
    const sim = await runningCluster({ fencing, hasWatchdog: true })
    sim.suspend('s1', minutes(10))
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(30))).toBe(true)
    expect(sim.cluster.host('s1').isOn).toBe(false)
  })
  test('finds nothing running on a machine that wakes before it is fenced', async () => {
    const sim = await runningCluster({ fencing })
    sim.cluster.power.controller('s1').isDead = true
    sim.isolate('s1')
    sim.suspend('s1', seconds(10))
    await sim.run(seconds(10))
    expect(sim.ledger.on('s1')).not.toEqual([])
    expect(await sim.until(() => sim.ledger.running().length === 0, seconds(1))).toBe(true)
    sim.cluster.power.controller('s1').isDead = false
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(30))).toBe(true)
  })
  test('reboots what it has fenced, when that is its action', async () => {
    const sim = await runningCluster({ fencing: { policy: 'required', action: 'reboot' } })
    sim.isolate('s1')
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(40))).toBe(true)
    sim.heal()
    await recover(sim)
    expect(await sim.until(() => sim.state.servers.byName.s1?.status === 'up', minutes(1))).toBe(true)
  })
})

describe('onQuorumLoss: keep', () => {
  const plan = { fencing: { policy: 'required', action: 'off' } as const, keeps: true }
  test('goes on without a majority while nobody else can take over', async () => {
    const sim = await runningCluster(plan)
    for (const host of sim.hosts) sim.isolate(host)
    await sim.run(minutes(1))
    expect(sim.isEverythingOnline()).toBe(true)
  })
  test('is switched off before its group starts elsewhere', async () => {
    const sim = await runningCluster(plan)
    sim.isolate('s1')
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', minutes(1))).toBe(true)
    expect(sim.cluster.host('s1').isOn).toBe(false)
  })
  test('runs where it ran for as long as its controller does not answer', async () => {
    const sim = await runningCluster(plan)
    sim.cluster.power.controller('s1').isDead = true
    sim.isolate('s1')
    await sim.run(minutes(2))
    expect(sim.ledger.on('s2')).toHaveLength(0)
    expect(sim.ledger.on('s1').every(({ isUp }) => isUp)).toBe(true)
  })
})

test('a network that a ping target shows to be cut off delays a takeover, and does not stop it', async () => {
  const sim = await runningCluster({ pingTargets: 1 })
  const [target] = sim.cluster.outside.names
  if (target !== undefined) sim.cluster.outside.dead.add(target)
  sim.powerOff('s1')
  expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(30))).toBe(true)
})

describe('a web witness', () => {
  test('keeps servers together that have lost every network between them', async () => {
    const sim = await runningCluster({ hasWebWitness: true })
    for (const network of sim.plan.networks)
      for (const one of sim.hosts) for (const other of sim.hosts) if (one !== other) sim.cut(network, one, other)
    await sim.run(minutes(1))
    expect(sim.isEverythingOnline()).toBe(true)
    expect(wereDeclaredDown(sim)).toBe(false)
  })
  test('that answers nobody leaves them as they were without it', async () => {
    const sim = await runningCluster({ hasWebWitness: true })
    const { outside } = sim.cluster
    outside.dead.add(outside.witness.name ?? '')
    sim.isolate('s1')
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(20))).toBe(true)
  })
  test('keeps the last beat of a dead server, and starts anew, and neither is a sign of life', async () => {
    const sim = await runningCluster({ hasWebWitness: true })
    sim.powerOff('s1')
    sim.kill('s2', 'agent')
    sim.cluster.outside.witness.restart()
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(20))).toBe(true)
  })
})

describe('a management controller', () => {
  test('that answers beside a dead machine is no sign of life', async () => {
    const sim = await runningCluster({ hasControllers: true })
    sim.powerOff('s1')
    expect(await sim.until(() => sim.isEverythingOnline() && sim.ownerOf('web') === 's2', seconds(10))).toBe(true)
  })
  test('of the other server shows a server that it is not cut off, and its silence shows nothing', async () => {
    const verdicts = async (isSilent: boolean) => {
      const sim = await runningCluster({ hasControllers: true })
      const { outside } = sim.cluster
      if (isSilent) for (const name of outside.names) outside.dead.add(name)
      await sim.run(seconds(10))
      const seen = await new Promise<string>((resolve) => {
        ask(sim.cluster.host('s2'), places.control, { method: 'GET', path: '/status', body: '' }, resolve)
      })
      return (JSON.parse(seen) as { readonly partition: { readonly verdict: string } }).partition.verdict // cast: a test
    }
    expect(await verdicts(false)).toBe('connected')
    expect(await verdicts(true)).toBe('unknown')
  })
})
