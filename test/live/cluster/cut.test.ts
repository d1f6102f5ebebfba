/** Networks are cut and heal; nobody is dead. */
import { describe, expect } from 'vitest'
import type { Cut } from '../lab/cuts.ts'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'

describe('the active server, cut off', () => {
  const waysToBeAlone: Readonly<Record<string, Cut>> = {
    'from everybody': { host: 's1', network: 'both' },
    'so that nobody hears it': { host: 's1', network: 'both', direction: 'out' },
    'so that it hears nobody': { host: 's1', network: 'both', direction: 'in' },
  }
  for (const [how, cut] of Object.entries(waysToBeAlone)) {
    clusterTest(`${how}, stops by itself before the other starts`, {}, async (cluster, context) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      await cluster.lab.cut(cut)
      await watch.waitFor('s2', settleMs)
      await context.annotate(`clients waited ${watch.gap('s1', 's2')?.toFixed(0)} ms`)
      expect(watch.lives()).toHaveLength(2)
      await cluster.lab.heal()
      await cluster.waitUntilSettled()
      await watch.waitFor(() => true, settleMs)
      // It lost its lease and said so; whoever holds the group now, one does.
      expect(await runningOn(cluster)).toEqual([await cluster.ownerOf('web')])
    })
  }
})

describe('a cut that leaves the active server a majority', () => {
  const harmless: Readonly<Record<string, readonly Cut[]>> = {
    'the interconnect of the active server': [{ host: 's1', network: 'interconnect' }],
    'the interconnect of everybody': ['s1', 's2', 'w'].map((host): Cut => ({ host, network: 'interconnect' })),
    'both networks between the servers': [{ between: ['s1', 's2'], network: 'both' }],
    'both networks between the active server and the witness': [{ between: ['s1', 'w'], network: 'both' }],
    'both networks between the standby and the witness': [{ between: ['s2', 'w'], network: 'both' }],
    'both networks of the standby': [{ host: 's2', network: 'both' }],
    'both networks of the witness': [{ host: 'w', network: 'both' }],
  }
  for (const [what, cuts] of Object.entries(harmless)) {
    clusterTest(`${what}: the service goes on`, {}, async (cluster) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      for (const cut of cuts) await cluster.lab.cut(cut)
      // Twice as long as it takes to give a server up.
      await until(async () => (await longestSilenceOf(cluster)) > 4000, settleMs, 'the cut to have lasted')
      await watch.waitFor('s1', settleMs)
      await cluster.lab.heal()
      await cluster.waitUntilSettled()
      await watch.waitFor('s1', settleMs)
      expect(watch.lives()).toHaveLength(1)
    })
  }
})

describe('the public network of the active server', () => {
  const ipw = {
    type: 'ipw',
    addresses: ['10.77.2.201'],
    when: 'active',
    interval: '300ms',
    timeout: '200ms',
    onTimeout: { retry: true, recover: true },
    target: { group: 'web' },
    recovery: { on: 'group', restarts: 0, failovers: 1 },
  }
  clusterTest('is watched by a monitor, which moves the group', { monitors: { clients: ipw } }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.lab.cut({ host: 's1', network: 'public' })
    await watch.waitFor('s2', settleMs)
    await cluster.lab.heal()
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web')).toBe('s2')
    expect(watch.lives()).toHaveLength(2)
  })
})

/** For how long anybody has not heard somebody on some path: what a cut leaves behind everywhere. */
const longestSilenceOf = async (cluster: Cluster): Promise<number> => {
  const all = await Promise.all(cluster.voters.map((voter) => cluster.status(voter)))
  const silences = all.flatMap(({ peers }) =>
    peers.flatMap(({ paths }) =>
      Object.entries(paths).flatMap(([path, ago]) => (path.startsWith('lan:') ? [ago ?? 0] : [])),
    ),
  )
  return Math.max(0, ...silences)
}

const runningOn = async (cluster: Cluster): Promise<readonly string[]> => {
  const answers = await Promise.all(
    cluster.servers.map(async (server) => {
      const { stdout } = await cluster.host(server).run(['pgrep', '-f', 'perl .*banner-server.pl'])
      return stdout.trim() === '' ? [] : [server]
    }),
  )
  return answers.flat()
}
