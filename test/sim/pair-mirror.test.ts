/** A mirror disk of a pair: what the judgement of a pair is worth is what its copies are worth. */
import { expect, test } from 'vitest'
import { mirrorName, serverName } from '../../src/events/index.ts'
import { places } from '../../src/sim/kit.ts'
import { areMirrorsWhole } from '../../src/sim/scene.ts'
import { recover } from '../../src/sim/seed.ts'
import type { Simulation } from '../../src/sim/simulation.ts'
import { groupPlan, minutes, runningCluster, seconds } from './clusters.ts'

const mirror = { mode: 'sync', initial: 'none', patience: 1, regionSize: 4096 } as const
const mirroredPair = (isSound: boolean, seed = 1): Promise<Simulation> =>
  runningCluster({ hasWitness: false, pingTargets: 1, pair: { isSound }, groups: [groupPlan('web', { mirror })] }, seed)

const isOn = (sim: Simulation, server: string) => () => sim.isEverythingOnline() && sim.ownerOf('web') === server
const isWhole = (sim: Simulation) => () => areMirrorsWhole(sim.state, sim.cluster.mirrors)
const theMirror = ({ cluster }: Simulation) => {
  const [one] = cluster.mirrors.all
  if (one === undefined) throw new Error('the cluster has no mirror disk')
  return one
}
const acknowledgedIn = (sim: Simulation): number => theMirror(sim).judge.account.acknowledged
const copyOf = (sim: Simulation, server: string): Buffer =>
  Buffer.from(sim.cluster.mirrors.partitions.of(server, theMirror(sim).data(server)).content)
const alertsOf = (sim: Simulation, server: string): string => sim.cluster.host(server).disk.read(places.alerts) ?? ''

/** Both are judged connected, and hear nothing of each other; answers how to end that. */
const deafToEachOther = (sim: Simulation): (() => void) => {
  const mends = sim.plan.networks.flatMap((network) => [sim.cut(network, 's1', 's2'), sim.cut(network, 's2', 's1')])
  return () => {
    for (const mend of mends) mend()
  }
}

/** Acknowledged by whoever serves there. */
const writesOn = async (sim: Simulation, server: string): Promise<boolean> => {
  let isDone: boolean | null = null
  void sim.cluster.mirrors
    .writerOn(server, theMirror(sim))
    ?.write(0)
    .then((answer) => {
      isDone = answer
    })
  await sim.until(() => isDone !== null, seconds(5))
  return isDone === true
}

test('a pair whose active server dies goes on with what was acknowledged, and brings the copy that returns up to it', async () => {
  const sim = await mirroredPair(true)
  await sim.run(seconds(5))
  const acknowledged = acknowledgedIn(sim)
  expect(acknowledged).toBeGreaterThan(20)
  sim.powerOff('s1')
  expect(await sim.until(isOn(sim, 's2'), seconds(15))).toBe(true)
  await sim.run(seconds(5))
  expect(acknowledgedIn(sim)).toBeGreaterThan(acknowledged + 20)
  expect(isWhole(sim)()).toBe(false)
  sim.powerOn('s1')
  // Every acknowledged write is in both copies then: acknowledged writes are kept, in a pair that is judged right.
  await recover(sim)
  expect(isWhole(sim)()).toBe(true)
})

test('of two copies that were both written, the loser’s is left as it is until an operator gives it up', async () => {
  const sim = await mirroredPair(false)
  const mend = deafToEachOther(sim)
  expect(await sim.until(() => sim.ledger.on('s2').length > 2, seconds(20))).toBe(true)
  await sim.run(seconds(5))
  expect(await writesOn(sim, 's1')).toBe(true)
  expect(await writesOn(sim, 's2')).toBe(true)
  mend()
  expect(await sim.until(() => sim.ledger.on('s1').length === 0, seconds(10))).toBe(true)
  const left = copyOf(sim, 's1')
  await sim.run(minutes(2))
  expect(isOn(sim, 's2')()).toBe(true)
  expect(alertsOf(sim, 's2')).toMatch(/md\/7 .*copy of server s1 is not what the log knows, and is left alone/)
  expect(copyOf(sim, 's1').equals(left)).toBe(true)
  expect(isWhole(sim)()).toBe(false)

  sim.order('s2', { do: 'replace-mirror-disk', mirror: mirrorName('web', 'disk'), server: serverName('s1') })
  expect(await sim.until(isWhole(sim), minutes(1))).toBe(true)
  await recover(sim)
  expect(copyOf(sim, 's1').equals(copyOf(sim, 's2'))).toBe(true)
  expect(copyOf(sim, 's1').equals(left)).toBe(false)
})

test('a copy whose server acknowledged nothing by itself is brought up without a word', async () => {
  const sim = await mirroredPair(false)
  const mend = deafToEachOther(sim)
  const acknowledged = acknowledgedIn(sim)
  expect(await sim.until(() => sim.ledger.on('s2').length > 0, seconds(20))).toBe(true)
  // What s1 was asked to write since then waits for the log to know that it is alone.
  expect(acknowledgedIn(sim)).toBeLessThan(acknowledged + 5)
  mend()
  expect(await sim.until(isWhole(sim), minutes(1))).toBe(true)
  await recover(sim)
  expect(copyOf(sim, 's1').equals(copyOf(sim, 's2'))).toBe(true)
})
