/** Two servers with a mirror disk through any faults: see joint.ts. */
import { expect, test } from 'vitest'
import { mirrorName, serverName } from '../../../src/events/index.ts'
import { Chance } from '../../../src/sim/random.ts'
import { order } from './faults.ts'
import { Joint } from './joint.ts'
import { group, mirror } from './joint-agent.ts'
import { networks, otherOf, servers } from './joint-plan.ts'
import { planOf, recover, runJoint } from './seed.ts'

const timeoutMs = 180_000

// Seed 5: a copy that had handed over, and followed somebody who never served, could neither be activated nor forced.
test.each([1, 6, 11, 16])(
  'a mirror loses no acknowledged write, and becomes whole again: five seeds from %i',
  { timeout: timeoutMs },
  async (first) => {
    for (let seed = first; seed < first + 5; seed++) {
      const { failure, history } = await runJoint(seed)
      expect(failure, `seed ${seed}: ${failure}\n${history.slice(-40).join('\n')}`).toBeNull()
    }
  },
)

// The data plane died while the first read of a mount waited for the log: whoever mounted it waited for ever.
test('a mount whose data plane dies ends, and the group goes on', { timeout: timeoutMs }, async () => {
  const { failure, history } = await runJoint(16, { faults: /power$|midst|kill mirror|freeze/ })
  expect(failure, `${failure}\n${history.slice(-40).join('\n')}`).toBeNull()
})

// The log was silent when it was mounted, and its agent died before it could say so: it stayed "starting" for ever.
test('a group that was mounted by an agent that died is adopted by the next one', { timeout: timeoutMs }, async () => {
  const { failure, history } = await runJoint(1, { faults: /pause|freeze|cut|silent|no log|kill|operator/ })
  expect(failure, `${failure}\n${history.slice(-40).join('\n')}`).toBeNull()
})

test.each(['/dev/data', '/dev/meta'])(
  'a following side whose %s fails for minutes is told of once, and is taken back afterwards',
  { timeout: timeoutMs },
  async (path) => {
    const joint = new Joint(3, { ...planOf(new Chance(3)), initial: 'none', writesEvery: [100, 900] })
    for (const name of servers) joint.powerOn(name)
    await joint.until(() => joint.serving !== null && joint.state.mirrors[mirror]?.stale === null, 60_000)
    const { serving } = joint
    if (serving === null) throw new Error('it was never served')
    const said = joint.history.length
    const other = otherOf(serving)
    joint.fail(other, path, 'write')
    const mends = networks.map((network) => joint.network.cut(network, serving, other))
    await joint.run(10_000)
    for (const mend of mends) mend()
    await joint.run(300_000)
    const told = joint.history.slice(said).filter((one) => /#.*(resync|broke|whole|on the disk of)/.test(one))
    // Each server tells its own part: which of them is first on the log is chance.
    const parts = [
      /broke: .* goes on alone/,
      /resync .* of/,
      /write on the disk of .* failed: .*EIO/,
      /does not go on: .*refuses.*EIO/,
    ]
    expect(told).toHaveLength(parts.length)
    for (const part of parts) expect(told).toContainEqual(expect.stringMatching(part))
    joint.heal()
    await recover(joint)
  },
)

test('a data plane that stopped while no agent was there is noticed by the next one', {
  timeout: timeoutMs,
}, async () => {
  const joint = new Joint(4, { ...planOf(new Chance(4)), initial: 'none', writesEvery: [2, 20] })
  for (const name of servers) joint.powerOn(name)
  expect(await joint.until(() => joint.serving !== null && joint.state.mirrors[mirror]?.stale === null, 60_000)).toBe(
    true,
  )
  const { serving } = joint
  const writer = serving && joint.writerOf(serving)
  if (!writer) throw new Error('it was never served')
  // Alone, it cannot go on with the disk of the other server.
  joint.powerOff(otherOf(serving))
  expect(await joint.until(() => joint.state.mirrors[mirror]?.stale === otherOf(serving), 30_000)).toBe(true)
  joint.kill(serving, 'agent')
  joint.fail(serving, '/dev/data', 'any')
  expect(await writer.write(1)).toBe(false)
  joint.disks.mendAll()
  expect(await joint.until(() => joint.writerOf(serving) !== writer, 20_000)).toBe(true)
  joint.powerOn(otherOf(serving))
  await recover(joint)
})

test.each(['/dev/data', '/dev/meta'])(
  'an active side whose %s fails goes on with the other disk, and fails over when that is lost',
  { timeout: timeoutMs },
  async (path) => {
    // Many small regions: marks come and go, so that the metadata is written, too.
    const many = { blocks: 320, regionBytes: 4096, writesEvery: [2, 20] } as const
    const joint = new Joint(7, { ...planOf(new Chance(7)), initial: 'none', ...many })
    for (const name of servers) joint.powerOn(name)
    expect(await joint.until(() => joint.serving !== null && joint.state.mirrors[mirror]?.stale === null, 60_000)).toBe(
      true,
    )
    const { serving } = joint
    if (serving === null) throw new Error('it is not served')
    joint.fail(serving, path, 'write')
    expect(await joint.until(() => joint.state.mirrors[mirror]?.detached?.server === serving, 10_000)).toBe(true)
    const { acknowledged } = joint.judge.account
    const writer = joint.writerOf(serving)
    await joint.run(5000)
    expect([joint.serving, joint.writerOf(serving)]).toEqual([serving, writer])
    expect(joint.judge.account.acknowledged).toBeGreaterThan(acknowledged + 20)
    const mends = networks.map((network) => joint.network.cut(network, serving, otherOf(serving)))
    expect(await joint.until(() => joint.serving === otherOf(serving), 60_000)).toBe(true)
    for (const mend of mends) mend()
    joint.heal()
    await recover(joint)
  },
)

// The one whose name sorts first connects, so each has its own reason to leave the network as it is.
test.each(servers)(
  'without a disk of its own %s goes on over the network in use when a better one is there again',
  { timeout: timeoutMs },
  async (name) => {
    const plan = { connects: networks, mode: 'sync', initial: 'none', writesEvery: [20, 60] } as const
    const joint = new Joint(9, { ...planOf(new Chance(9)), ...plan })
    for (const one of servers) joint.powerOn(one)
    const isWhole = (): boolean => joint.serving !== null && joint.state.mirrors[mirror]?.stale === null
    expect(await joint.until(isWhole, 60_000)).toBe(true)
    if (joint.serving !== name) order(joint, joint.chance, { do: 'move-group', group, server: serverName(name) })
    expect(await joint.until(() => isWhole() && joint.serving === name, 30_000)).toBe(true)
    const writer = joint.writerOf(name)
    const mends = servers.map((one) => joint.network.cut('cross', one, otherOf(one)))
    // Until the connection is over, and made anew over the other network.
    await joint.run(8000)
    expect([isWhole(), joint.writerOf(name) === writer]).toEqual([true, true])
    joint.fail(name, '/dev/data', 'write')
    expect(await joint.until(() => joint.state.mirrors[mirror]?.detached?.server === name, 10_000)).toBe(true)
    for (const mend of mends) mend()
    await joint.run(45_000)
    expect([joint.serving, joint.writerOf(name) === writer]).toEqual([name, true])
    joint.heal()
    await recover(joint)
  },
)

// Seed 407: what a side claimed was read before it left, and recorded after the log knew of the marks that it had cleared.
test.each([407, 421])(
  'a side that has left is believed, whatever it claimed just before: seed %i',
  { timeout: timeoutMs },
  async (seed) => {
    const { failure, history } = await runJoint(seed, { faults: /power|backup|restore|operator/ })
    expect(failure, `${failure}\n${history.slice(-40).join('\n')}`).toBeNull()
  },
)

// Nobody formatted it: the group was given there, and came back, for ever.
test.each([
  ['both disks of both servers', servers],
  // What the other copy had shown before counted on, so it was refused as another branch, for ever.
  ['both disks of the only copy that has everything', []],
])(
  'a copy whose metadata went with its disk is served by force, and the other one overwritten: %s',
  {
    timeout: timeoutMs,
  },
  async (_, lost) => {
    const joint = new Joint(6, { ...planOf(new Chance(6)), initial: 'none', mode: 'sync', writesEvery: [5, 120] })
    for (const name of servers) joint.powerOn(name)
    expect(await joint.until(() => joint.serving !== null && joint.state.mirrors[mirror]?.stale === null, 60_000)).toBe(
      true,
    )
    const { serving } = joint
    if (serving === null) throw new Error('it is not served')
    const other = otherOf(serving)
    joint.powerOff(other)
    expect(await joint.until(() => joint.state.mirrors[mirror]?.stale === other, 30_000)).toBe(true)
    joint.powerOff(serving)
    joint.isContentLost = true
    for (const name of [serving, ...lost]) joint.disks.replace(name, ['/dev/data', '/dev/meta'])
    for (const name of servers) joint.powerOn(name)
    await joint.run(8000)
    order(joint, joint.chance, { do: 'stop-group', group })
    await joint.run(2000)
    expect(
      order(joint, joint.chance, {
        do: 'force-mirror',
        mirror: mirrorName('web', 'data'),
        server: serverName(serving),
      }),
    ).toBe(true)
    order(joint, joint.chance, { do: 'start-group', group, server: null })
    await recover(joint)
  },
)

// X5. The last word of the server that is lost is up to ten seconds old; the one that takes over has seen the rest.
test.each([1, 2, 3])(
  'a server that is lost and restored from a backup gets what was written since, and no more: seed %i',
  {
    timeout: timeoutMs,
  },
  async (seed) => {
    const seldom = { blocks: 320, regionBytes: 4096, writesEvery: [300, 900], often: 0, compression: false } as const
    const joint = new Joint(seed, { ...planOf(new Chance(seed)), ...seldom, initial: 'none', mode: 'sync' })
    for (const name of servers) joint.powerOn(name)
    const isWhole = (): boolean => joint.serving !== null && joint.state.mirrors[mirror]?.stale === null
    expect(await joint.until(isWhole, 60_000)).toBe(true)
    const lost = joint.serving ?? 's1'
    await joint.run(15_000)
    joint.disks.backUp(lost)
    await joint.run(18_000)
    joint.powerOff(lost)
    expect(await joint.until(() => joint.serving === otherOf(lost), 30_000)).toBe(true)
    await joint.run(12_000)
    joint.restore(lost)
    const said = joint.history.length
    joint.powerOn(lost)
    expect(await joint.until(isWhole, 60_000)).toBe(true)
    await recover(joint)
    const since = joint.history.slice(said).join('\n')
    expect(since).toMatch(new RegExp(`${lost}: the cluster partition of a mirror is written anew.*"do":"void"`))
    expect(since).toMatch(/resync .*\(differences\)/)
  },
)
