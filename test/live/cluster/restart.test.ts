/** Computers and agents that start again: one by one, all together, or not all of them. */
import { describe, expect } from 'vitest'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { patient } from './configuration.ts'

describe('after a power failure', () => {
  for (const who of [
    ['s1', 's2'],
    ['s1', 's2', 'w'],
  ] as const) {
    clusterTest(`of ${who.join(', ')} the groups come back where they were`, {}, async (cluster) => {
      const watch = await cluster.watch()
      await cluster.do('s1', 'group', 'move', 'web', '--to', 's2')
      await watch.waitFor('s2', settleMs)
      for (const voter of who) await cluster.powerOff(voter)
      for (const voter of who) await cluster.powerOn(voter)
      await watch.waitFor(() => true, settleMs)
      await cluster.waitUntilSettled()
      expect(await cluster.ownerOf('web')).toBe('s2')
      expect(watch.lives()).toHaveLength(3)
    })
  }
})

describe('a start without one of the servers', () => {
  clusterTest('waits for it, then starts the groups without it', { more: { startSync: '3s' } }, async (cluster) => {
    await stopBoth(cluster)
    await cluster.do('s2', 'server', 'start', 's2')
    await cluster.waitUntilOnline('web', 's2')
    const ends = await cluster.events('StartSyncEnded', 's2')
    expect(ends.at(-1)?.data).toMatchObject({ missing: ['s1'] })
    await cluster.powerOn('s1')
    await cluster.do('s2', 'server', 'start', 's1')
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web')).toBe('s2')
  })

  clusterTest('does not wait when an operator says so', { more: { startSync: '1h' } }, async (cluster) => {
    await stopBoth(cluster)
    await cluster.do('s2', 'server', 'start', 's2')
    const isWaiting = async () => {
      const { state, lease } = await cluster.status('s2')
      return lease.held && state.cluster.starting
    }
    await until(isWaiting, settleMs, 's2 to wait for s1')
    expect((await cluster.ownership('web', 's2'))?.status).toBe('stopped')
    await cluster.do('s2', 'cluster', 'skip-sync')
    await cluster.waitUntilOnline('web', 's2')
  })
})

/** Both leave as they should; then the computer of one of them is switched off. */
const stopBoth = async (cluster: Cluster): Promise<void> => {
  for (const server of cluster.servers) await cluster.do('s2', 'server', 'stop', server, '--yes')
  await cluster.powerOff('s1')
}

describe('an upgrade', () => {
  clusterTest('restarts every agent in turn, and no client notices', { timing: patient }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    for (const voter of cluster.voters) {
      await cluster.restartAgent(voter)
      await cluster.waitUntilSettled()
    }
    await watch.waitFor('s1', settleMs)
    expect(watch.lives()).toHaveLength(1)
    expect(watch.longestSilence()).toBeLessThan(1000)
  })

  clusterTest('tells each alert at most once', { timing: patient }, async (cluster) => {
    await cluster.do('s1', 'group', 'move', 'web', '--to', 's2')
    for (const voter of cluster.voters) {
      await cluster.restartAgent(voter)
      await cluster.waitUntilSettled()
    }
    await cluster.do('s1', 'group', 'move', 'web', '--to', 's1')
    for (const server of cluster.servers) {
      const lines = (await cluster.host(server).ok(['cat', '/var/lib/baton/log/alerts.log'])).trim().split('\n')
      expect(lines.length).toBeGreaterThan(3)
      expect(lines.filter((line, index) => lines.indexOf(line) !== index)).toEqual([])
    }
  })
})
