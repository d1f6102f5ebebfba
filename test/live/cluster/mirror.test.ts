/** Mirror disks on real hosts: whatever happens to either side, what was acknowledged is there. */
import { describe, expect } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import type { Need } from '../lab/needs.ts'
import { checked } from './cluster-test.ts'
import { calm } from './configuration.ts'
import { MirrorCluster, type MirrorOptions, mirror } from './mirror-cluster.ts'

const needs: readonly Need[] = ['lab', 'nats-server', 'losetup', 'mkfs.ext4', 'fuse']

const mirrorTest = (name: string, options: MirrorOptions, body: (mirrored: MirrorCluster) => Promise<void>): void =>
  liveTest(name, { needs, timeoutMs: 240_000 }, async () => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const mirrored = await MirrorCluster.create(lab, options)
    await checked(mirrored.cluster, async () => {
      await mirrored.start()
      await body(mirrored)
    })
  })

describe('a mirror disk', () => {
  mirrorTest('has every acknowledged write on the other server when its own is gone', {}, async (mirrored) => {
    const { cluster } = mirrored
    await mirrored.waitUntilWritten()
    await cluster.powerOff('s1')
    await mirrored.waitUntilOnline('s2')
    expect(await mirrored.expectNothingLost('s2')).toBeGreaterThan(0)
    await mirrored.waitUntilWritten()
    await cluster.powerOn('s1')
    await mirrored.waitUntilWhole()
    await mirrored.waitUntilWritten()
    await mirrored.expectNothingLost('s2')
    await mirrored.expectEqualAndClean()
  })

  mirrorTest('outlives agents and data planes, and moves', { timing: calm, data: { ackTimeout: '2s' } }, async (mirrored) => {
    const { cluster } = mirrored
    const activations = async () => (await cluster.events('ResourceActivated')).length
    const before = await activations()
    await cluster.restartAgent('s1')
    await cluster.waitUntilSettled()
    await mirrored.waitUntilWritten()
    expect(await activations()).toBe(before)

    await mirrored.signalPlane('s2', 'SIGKILL')
    await mirrored.waitForDeaths(1)
    await mirrored.waitUntilWhole()
    await mirrored.waitUntilWritten()

    await mirrored.signalPlane('s2', 'SIGSTOP')
    await mirrored.waitUntilBroken()
    await mirrored.waitUntilWritten()
    await mirrored.waitForDeaths(2)
    await mirrored.waitUntilWhole()

    await mirrored.signalPlane('s1', 'SIGKILL')
    await mirrored.waitForDeaths(3)
    await mirrored.waitUntilWritten()
    await mirrored.waitUntilWhole()
    await cluster.waitUntilSettled()

    const owner = await mirrored.owner()
    const other = owner === 's1' ? 's2' : 's1'
    await cluster.do(owner, 'group', 'move', 'db', '--to', other)
    await mirrored.waitUntilOnline(other)
    await mirrored.waitUntilWritten()
    await mirrored.expectNothingLost(other)
    await mirrored.waitUntilWhole()
    await cluster.do(owner, 'mirror', 'verify', mirror)
    expect((await cluster.events('MirrorVerified')).at(-1)?.data.differentBytes).toBe(0)
    await mirrored.expectEqualAndClean()
  })

  mirrorTest('goes on when its connects are cut, one or all, and when its standby crashes', {}, async (mirrored) => {
    const { cluster } = mirrored
    await cluster.lab.cut({ between: ['s1', 's2'], network: 'interconnect' })
    await mirrored.waitUntilWritten()
    await cluster.lab.cut({ between: ['s1', 's2'], network: 'public' })
    await mirrored.waitUntilBroken()
    await mirrored.waitUntilWritten()
    await cluster.lab.heal()
    await mirrored.waitUntilWhole()

    await cluster.powerOff('s2')
    await mirrored.waitUntilBroken()
    await mirrored.waitUntilWritten()
    await cluster.powerOn('s2')
    await mirrored.waitUntilWhole()
    await mirrored.waitUntilWritten()

    await cluster.powerOff('s1')
    await mirrored.waitUntilOnline('s2')
    await mirrored.waitUntilWritten()
    await mirrored.expectNothingLost('s2')
    await cluster.powerOn('s1')
    await mirrored.expectEqualAndClean()
  })
})
