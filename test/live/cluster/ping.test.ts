/** N1: a server that reaches none of the ping targets is the last choice, but not ruled out. */
import { describe, expect } from 'vitest'
import { serverOf } from '../../../src/projections/servers.ts'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'

/** The witness answers on the public network as a gateway would. */
const npResolution = { ping: { targets: ['10.77.2.13'], interval: '200ms', timeout: '200ms', wait: '500ms' } }

const isCutOff = async (cluster: Cluster, server: string): Promise<boolean> =>
  serverOf((await cluster.status('s1')).state.servers, server).isCutOff

describe('ping targets', () => {
  clusterTest('that a server does not reach make it the last choice', { more: { npResolution } }, async (cluster) => {
    expect(npResolution.ping.targets).toEqual([cluster.host('w').address.public])
    await cluster.lab.cut({ host: 's2', network: 'public' })
    await until(async () => await isCutOff(cluster, 's2'), settleMs, 's2 to say that it is cut off')
    expect(await cluster.do('s1', 'group', 'explain', 'web')).toMatch(/s2.*cut off/)
    await cluster.lab.heal()
    await until(async () => !(await isCutOff(cluster, 's2')), settleMs, 's2 to reach a target again')
    await cluster.waitUntilSettled()
  })

  clusterTest(
    'delay a takeover by whoever reaches none, and veto none',
    { more: { npResolution } },
    async (cluster) => {
      await cluster.lab.cut({ host: 's2', network: 'public' })
      await until(async () => await isCutOff(cluster, 's2'), settleMs, 's2 to say that it is cut off')
      await cluster.powerOff('s1')
      await until(
        async () => serverOf((await cluster.status('s2')).state.servers, 's1').status === 'down',
        settleMs,
        's1 to be declared down',
      )
      const [down] = await cluster.events('ServerDeclaredDown', 's2')
      expect(down?.data.server).toBe('s1')
      await cluster.lab.heal()
      await cluster.powerOn('s1')
      await cluster.waitUntilSettled()
    },
  )
})
