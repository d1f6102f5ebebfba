/** Two servers with a mirror disk through any faults: see joint.ts. */
import { expect, test } from 'vitest'
import { Chance } from '../../../src/sim/random.ts'
import { Joint, networks, otherOf, servers } from './joint.ts'
import { mirror } from './joint-agent.ts'
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
    expect(told).toEqual([
      expect.stringMatching(/broke: .* goes on alone/),
      expect.stringMatching(/resync .* of/),
      expect.stringMatching(/write on the disk of .* failed: .*EIO|does not go on/),
      expect.stringMatching(/write on the disk of .* failed: .*EIO|does not go on: .*refuses.*EIO/),
    ])
    joint.heal()
    await recover(joint)
  },
)
