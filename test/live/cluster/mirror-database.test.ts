/** A database on a mirror disk: no commit that a client was told of is lost with the server that ran it. */
import { expect } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { checked } from './cluster-test.ts'
import { MirrorDatabase } from './mirror-database.ts'

const needs = ['lab', 'nats-server', 'postgres', 'pgbench', 'losetup', 'mkfs.ext4', 'fuse'] as const

liveTest(
  'PostgreSQL on a mirror disk has every commit of its audit table after crashes of either server, active or not, and cuts',
  { needs, timeoutMs: 300_000 },
  async (context) => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    await using mirrored = await MirrorDatabase.create(lab)
    const { cluster } = mirrored
    await checked(cluster, async () => {
      await mirrored.start()
      await mirrored.waitUntilWritten(20)

      await cluster.powerOff('s2')
      await mirrored.waitUntilBroken()
      await mirrored.waitUntilWritten()
      await cluster.powerOn('s2')
      await mirrored.waitUntilWhole()

      await lab.cut({ between: ['s1', 's2'], network: 'interconnect' })
      await mirrored.waitUntilWritten()
      await lab.cut({ between: ['s1', 's2'], network: 'public' })
      await mirrored.waitUntilBroken()
      await mirrored.waitUntilWritten()
      await lab.heal()
      await mirrored.waitUntilWhole()

      for (const [server, survivor] of [
        ['s1', 's2'],
        ['s2', 's1'],
      ] as const) {
        await mirrored.waitUntilWritten()
        // The crash comes in the middle of commits: the clients never stop.
        await cluster.powerOff(server)
        await mirrored.waitUntilOnline(survivor)
        await mirrored.waitUntilWritten(10)
        await mirrored.expectNothingLost()
        await cluster.powerOn(server)
        await mirrored.waitUntilWhole()
      }
      const { count, mostAtOnce } = mirrored.commits
      await context.annotate(`${count} commits were acknowledged, of ${mostAtOnce} clients at the same time`)
      expect(mostAtOnce).toBeGreaterThan(1)
      await mirrored.expectEqualAndClean()
    })
  },
)
