/** Mirror disks on real hosts: whatever happens to either side, what was acknowledged is there. */
import { describe, expect } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import type { Need } from '../lab/needs.ts'
import { checked } from './cluster-test.ts'
import { MirrorCluster, type MirrorOptions } from './mirror-cluster.ts'

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
})
