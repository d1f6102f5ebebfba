/** What changes on a living cluster, and what it outlives: rules 10 and 12 of liveness on real hosts. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { quick } from './configuration.ts'

const place = '/var/lib/baton/next.yaml'

const apply = async (cluster: Cluster, on: string, how: (configuration: Part) => Part): Promise<void> => {
  const now: Part = JSON.parse(await cluster.do(on, 'config', 'show'))
  await cluster.host(on).ok(['sh', '-c', `cat >${place}`], { input: JSON.stringify(how(now), null, 2) })
  await cluster.do(on, 'config', 'apply', place, '--yes')
}
type Part = Readonly<Record<string, unknown>>

describe('a time-out that changes while the service runs', () => {
  clusterTest('interrupts nothing, and counts from then on', {}, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    for (const timeout of ['6s', '2s', '3s'])
      await apply(cluster, 's1', (now) => ({ ...now, heartbeat: { ...quick, timeout, release: '700ms' } }))
    await cluster.do('s2', 'timeout-ratio', '-r', '4', '-t', '1h')
    expect(await cluster.do('s1', 'timeout-ratio', '-s')).toContain('4 times as configured')
    await cluster.do('s1', 'timeout-ratio', '-i')
    await cluster.waitUntilSettled()
    expect(watch.lives()).toHaveLength(1)
    await cluster.powerOff('s1')
    await watch.waitFor('s2', settleMs)
    expect(watch.lives()).toHaveLength(2)
    expect(watch.gap('s1', 's2')).toBeGreaterThan(2000)
    await cluster.powerOn('s1')
    await cluster.waitUntilSettled()
  })
})

describe('voters that change while the service runs', () => {
  clusterTest('vote from then on, and nobody else', { servers: 3 }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await apply(cluster, 's1', (now) => ({ ...now, voters: ['s3'] }))
    expect(await cluster.events('VotersAcknowledged')).toHaveLength(3)
    expect(await cluster.events('VotersChanged')).toHaveLength(1)
    // Of s1 and s2 each is cut off from the other, and both hear the voter.
    await cluster.lab.cut({ between: ['s1', 's2'], network: 'both' })
    await cluster.powerOff('s2')
    await until(
      async () => (await cluster.status('s1')).state.servers.byName.s2?.status === 'down',
      settleMs,
      's2 down',
    )
    expect(watch.lives()).toHaveLength(1)
    await cluster.lab.heal()
    await cluster.powerOn('s2')
    await cluster.waitUntilSettled()
    await apply(cluster, 's2', ({ voters: _, ...now }) => now)
    await cluster.powerOff('s1')
    await watch.waitFor(({ host }) => host !== 's1', settleMs)
    expect(watch.lives()).toHaveLength(2)
    await cluster.powerOn('s1')
    await cluster.waitUntilSettled()
  })
})

describe('a server that is to keep what it runs', () => {
  const keep = { more: { heartbeat: { ...quick, onQuorumLoss: 'keep' } } }

  clusterTest('goes on when everybody else is lost, and says so', keep, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    for (const voter of ['s2', 'w']) await cluster.powerOff(voter)
    await until(async () => !(await cluster.status('s1')).lease.held, settleMs, 'the lease to be over')
    await until(async () => (await alertsOf(cluster, 's1')).includes('it goes on with web'), settleMs, 'an alarm')
    // Longer than the guardian would let it run without.
    await until(async () => (await cluster.status('s1')).knowledge.knowsUntilMsAgo > 5000, settleMs, 'time to pass')
    expect((await cluster.status('s1')).lease.because).toContain('what runs goes on (onQuorumLoss: keep)')
    // Its agent may die meanwhile.
    const pid = await cluster.signal('s1', 'agent', 'SIGKILL')
    await cluster.waitForAnother('s1', 'agent', pid)
    await until(async () => Object.keys((await cluster.status('s1')).state.groups).length > 0, settleMs, 'an answer')
    await watch.waitFor('s1', settleMs)
    for (const voter of ['s2', 'w']) await cluster.powerOn(voter)
    await cluster.waitUntilSettled()
    expect(watch.lives()).toHaveLength(1)
  })

  clusterTest('is not taken over before it is proven off', keep, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    const isUncertain = async () => {
      const ownership = await cluster.ownership('web', 's2')
      return ownership?.status === 'assigned' && ownership.phase === 'uncertain'
    }
    await until(isUncertain, settleMs, 'web to be uncertain')
    expect(await cluster.ownerOf('web', 's2')).toBe('s1')
    await cluster.do('s2', 'server', 'confirm-off', 's1', '--note', 'the plug is out', '--yes')
    await watch.waitFor('s2', settleMs)
    await cluster.powerOn('s1')
    await cluster.waitUntilSettled()
    expect(watch.lives()).toHaveLength(2)
  })
})

describe('a log that is lost while the voters answer', () => {
  clusterTest('stops no service, is told by everybody, and decides again when it is back', {}, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    const stopped = await Promise.all(['s2', 'w'].map((voter) => cluster.signal(voter, 'log server', 'SIGSTOP')))
    try {
      const isTold = async () => (await alertsOf(cluster, 's1')).includes('s1 cannot reach the log')
      await until(isTold, settleMs, 's1 to raise an alarm')
      for (const voter of ['s1', 's2']) {
        expect(await cluster.do(voter, 'status')).toContain('the log cannot be written from here')
        expect((await cluster.status(voter)).lease.held).toBe(true)
      }
      expect(watch.lives()).toHaveLength(1)
    } finally {
      for (const pid of stopped) process.kill(pid, 'SIGCONT')
    }
    await cluster.waitUntilSettled()
    await cluster.do('s1', 'group', 'move', 'web', '--to', 's2')
    await watch.waitFor('s2', settleMs)
    expect(await alertsOf(cluster, 's1')).toContain('s1 reaches the log again')
  })
})

const alertsOf = (cluster: Cluster, voter: string): Promise<string> =>
  readFile(join(cluster.host(voter).stateDirectory, 'log', 'alerts.log'), 'utf8').catch(() => '')
