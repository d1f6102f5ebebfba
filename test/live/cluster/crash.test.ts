/** A computer is gone from one moment to the next. */
import { describe, expect } from 'vitest'
import { now, until } from '../lab/until.ts'
import { settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'

describe('a crash', () => {
  clusterTest('of the active server moves its groups; back again, it is the standby', {}, async (cluster, context) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await watch.waitFor('s2', settleMs)
    await context.annotate(`clients waited ${watch.gap('s1', 's2')?.toFixed(0)} ms`)
    await cluster.powerOn('s1')
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web', 's1')).toBe('s2')
    expect(watch.lives()).toHaveLength(2)
  })

  clusterTest('of the standby, or of the witness, is no matter to any client', {}, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    for (const gone of ['s2', 'w']) {
      await cluster.powerOff(gone)
      if (gone === 's2') await until(async () => (await statusOf(cluster, 's2')) === 'down', settleMs, 's2 to be down')
      await watch.waitFor('s1', settleMs)
      await cluster.powerOn(gone)
      await cluster.waitUntilSettled()
    }
    expect(watch.lives()).toHaveLength(1)
  })

  for (const leader of ['s1', 's2', 'w'] as const) {
    const what = leader === 's1' ? 'its groups move all the same' : 'leases keep the service running'
    clusterTest(`of ${leader} while it leads the log: ${what}`, {}, async (cluster, context) => {
      await cluster.moveLogLeader(leader)
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      const crashedAt = now()
      await cluster.powerOff(leader)
      const survivor = leader === 's1' ? 's2' : 's1'
      await until(
        async () => {
          const { log } = await cluster.status(survivor)
          return log.reachable && log.leader !== null && log.leader !== leader
        },
        settleMs,
        'another leader',
      )
      await context.annotate(`another led the log after ${(now() - crashedAt).toFixed(0)} ms`)
      await watch.waitFor(survivor, settleMs)
      const gap = watch.gap('s1', 's2')
      if (gap !== null) await context.annotate(`clients waited ${gap.toFixed(0)} ms`)
      await cluster.powerOn(leader)
      await cluster.waitUntilSettled()
      expect(watch.lives()).toHaveLength(leader === 's1' ? 2 : 1)
    })
  }

  clusterTest('of one server of three, without a witness', { servers: 3 }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await watch.waitFor('s2', settleMs)
    await cluster.powerOn('s1')
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web')).toBe('s2')
  })

  clusterTest('of two servers of five, one after the other', { servers: 5 }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await watch.waitFor('s2', settleMs)
    await cluster.powerOff('s2')
    await watch.waitFor('s3', settleMs)
    await cluster.powerOn('s1')
    await cluster.powerOn('s2')
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web')).toBe('s3')
  })
})

const statusOf = async (cluster: Parameters<Parameters<typeof clusterTest>[2]>[0], server: string) =>
  (await cluster.status('s1')).state.servers.byName[server]?.status
