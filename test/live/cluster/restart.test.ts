/** Computers and agents that start again: one by one, all together, or not all of them. */
import { afterAll, describe, expect } from 'vitest'
import { until } from '../lab/until.ts'
import { settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { calm } from './configuration.ts'
import { removeKits } from './kits.ts'

afterAll(removeKits)

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
  const startWithoutS2 = { isOff: true, more: { startSync: '3s' } }
  clusterTest('waits for it, then starts the groups without it', startWithoutS2, async (cluster) => {
    await cluster.startAgent('w')
    await cluster.startAgent('s1')
    await cluster.waitUntilOnline('web', 's1')
    const [ended] = await cluster.events('StartSyncEnded')
    expect(ended?.data).toMatchObject({ missing: ['s2'] })
    await cluster.startAgent('s2')
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web')).toBe('s1')
  })

  clusterTest(
    'does not wait when an operator says so',
    { ...startWithoutS2, more: { startSync: '1h' } },
    async (cluster) => {
      await cluster.startAgent('w')
      await cluster.startAgent('s2')
      const isUp = async () => (await cluster.status('s2')).state.servers.byName.s2?.status === 'up'
      await until(isUp, settleMs, 's2 to have joined')
      expect((await cluster.ownership('web', 's2'))?.status).toBe('stopped')
      await cluster.do('s2', 'cluster', 'skip-sync')
      await cluster.waitUntilOnline('web', 's2')
    },
  )
})

describe('an upgrade', () => {
  clusterTest('restarts every agent in turn, and no client notices', { timing: calm }, async (cluster) => {
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

  clusterTest('tells each alert at most once', { timing: calm }, async (cluster) => {
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
