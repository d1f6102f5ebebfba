/** What a cluster says of itself, and how it takes a new configuration. */
import { describe, expect } from 'vitest'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'

describe('a server without a majority', () => {
  clusterTest('says what it knows, and how old that is', {}, async (cluster) => {
    // It is the leader that is lost: whoever answers then, answers without one.
    await cluster.moveLogLeader('w')
    for (const voter of ['s2', 'w']) await cluster.powerOff(voter)
    await until(async () => (await cluster.status('s1')).knowledge.knowsUntilMsAgo > 2000, settleMs, 'doubts')
    const status = await cluster.do('s1', 'status')
    expect(status).toMatch(/as known [\d.]+ s ago/)
    expect(status).toMatch(/web/)
    expect(JSON.parse(await cluster.do('s1', 'status', '--json'))).toMatchObject({ lease: { held: false } })
    expect(await cluster.do('s1', 'why', 'web')).toContain('web')
    for (const voter of ['s2', 'w']) await cluster.powerOn(voter)
    await cluster.waitUntilSettled()
  })
})

describe('a new configuration', () => {
  clusterTest('restarts nothing for a time-out, and says which group a script restarts', {}, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await change(cluster, (text) => text.replace('"timeout": "10s"', '"timeout": "11s"'))
    expect(await cluster.do('s1', 'config', 'apply', `${place}`)).toContain('timeout')
    expect(watch.lives()).toHaveLength(1)
    await change(cluster, (text) => text.replace('exec env ', 'exec env NEW=1 '))
    const refused = await cluster.baton('s1', ['config', 'apply', place])
    expect(`${refused.stdout}${refused.stderr}`).toMatch(/interrupts web|web/)
    expect(refused.code).not.toBe(0)
    expect(watch.lives()).toHaveLength(1)
    await cluster.do('s1', 'config', 'apply', place, '--yes')
    await cluster.waitUntilSettled()
    await until(() => watch.lives().length === 2, settleMs, 'the service to have restarted')
    await cluster.do('s2', 'config', 'rollback', '1', '--yes')
    await until(() => watch.lives().length === 3, settleMs, 'the service to have restarted again')
    await cluster.waitUntilSettled()
  })
})

const place = '/var/lib/baton/next.yaml'

const change = async (cluster: Cluster, how: (text: string) => string): Promise<void> => {
  const input = how(await cluster.do('s1', 'config', 'show'))
  await cluster.host('s1').ok(['sh', '-c', `cat >${place}`], { input })
}
