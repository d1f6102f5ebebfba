/** N5: what the losing side of a partition does; the other side goes on. */
import { describe, expect } from 'vitest'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'

const ping = { targets: ['10.77.2.13'], interval: '200ms', timeout: '200ms' }
const onLoss = { action: 'os-reboot', after: '500ms' }
const finalActions = { reboot: 'cat /proc/sys/kernel/hostname > /var/lib/baton/final-action' }
const more = (practice: boolean) => ({ npResolution: { ping, onLoss: { ...onLoss, practice } }, finalActions })

const hasActed = async (cluster: Cluster, server: string): Promise<boolean> =>
  (await cluster.host(server).run(['test', '-s', '/var/lib/baton/final-action'])).code === 0

/** Neither the other server nor the witness is reached any more. */
const isolate = async (cluster: Cluster, server: string): Promise<void> => {
  await cluster.lab.cut({ host: server, network: 'public' })
  await cluster.lab.cut({ host: server, network: 'interconnect' })
}

describe('a server that lost a partition', () => {
  clusterTest('does its final action, and the survivor none', { more: more(false) }, async (cluster) => {
    await isolate(cluster, 's1')
    await until(() => hasActed(cluster, 's1'), settleMs, 's1 to do its final action')
    await cluster.waitUntilOnline('web', 's2')
    expect(await hasActed(cluster, 's2')).toBe(false)
    await cluster.lab.heal()
    await cluster.waitUntilSettled()
  })

  clusterTest('does its final action when its agent hung, and was ended', { more: more(false) }, async (cluster) => {
    await cluster.signal('s1', 'agent', 'SIGSTOP')
    await isolate(cluster, 's1')
    await until(() => hasActed(cluster, 's1'), settleMs, 's1 to do its final action')
    await cluster.waitUntilOnline('web', 's2')
    await cluster.lab.heal()
    const told = async () => (await cluster.events('LeaseLost', 's2'))[0]
    const lost = await until(told, settleMs, 's1 to say what it had lost')
    expect(lost.data).toMatchObject({ server: 's1', groups: ['web'] })
    await cluster.waitUntilSettled()
  })

  clusterTest('says only what it would do, for practice', { more: more(true) }, async (cluster) => {
    await isolate(cluster, 's1')
    await cluster.waitUntilOnline('web', 's2')
    // Healed before it knows that it was cut off, it has lost nothing.
    const knows = async () => (await cluster.logOf('s1', 'agent')).includes('for practice nothing is done')
    await until(knows, settleMs, 's1 to know that it has lost')
    await cluster.lab.heal()
    const told = async () => (await cluster.events('PartitionLost', 's2'))[0]
    const event = await until(told, settleMs, 's1 to say what it would have done')
    expect(event.data).toMatchObject({ server: 's1', action: 'os-reboot', practice: true })
    expect(await hasActed(cluster, 's1')).toBe(false)
    await cluster.waitUntilSettled()
  })

  clusterTest('that only restarts does nothing: it has lost nothing', { more: more(false) }, async (cluster) => {
    await cluster.powerOff('s1')
    await cluster.waitUntilOnline('web', 's2')
    await cluster.powerOn('s1')
    await cluster.waitUntilSettled()
    expect(await hasActed(cluster, 's1')).toBe(false)
  })
})
