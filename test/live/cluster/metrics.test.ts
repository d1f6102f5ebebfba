/** What a Prometheus server gets from real agents, judged by its own `promtool`. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { expect } from 'vitest'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { calm } from './configuration.ts'

const port = 29_020

/** Asked from the other server, which believes the authority of its kit. Null while nothing answers. */
const scraped = async (cluster: Cluster, { from, of }: { from: string; of: string }): Promise<string | null> => {
  const asking = `
    const { readFileSync } = require('node:fs')
    const { get } = require('node:https')
    const ca = readFileSync('/var/lib/baton/kit/ca.pem')
    get({ host: '${cluster.host(of).address.public}', port: ${port}, path: '/metrics', ca }, (answer) => answer.pipe(process.stdout))
      .on('error', (error) => { console.error(error.message); process.exitCode = 1 })`
  const { code, stdout } = await cluster.host(from).run([process.execPath, '-e', asking], { timeoutMs: 30_000 })
  return code === 0 ? stdout : null
}

/** Empty when it has nothing against it. */
const objections = async (metrics: string): Promise<string> => {
  const checking = spawn('promtool', ['check', 'metrics'])
  checking.stdin.end(metrics)
  return (await Promise.all([text(checking.stdout), text(checking.stderr)])).join('')
}

/** Beats of some 700 bytes come to s2 every second or two by the public network, where five of each voter should in one. */
const slowPublicNetwork = async (cluster: Cluster): Promise<void> => {
  const late = async () => (await cluster.events('BeatsDelayed')).filter(({ data }) => data.server === 's2')
  const before = await late()
  await cluster.lab.slow('s2', 'public', 12)
  const isTold = async () => (await late()).length > before.length
  await until(isTold, settleMs, 's2 to tell that beats come late')
  await cluster.lab.slow('s2', 'public', null)
  const paths = (await late()).slice(before.length).map(({ data }) => data.path)
  expect(new Set(paths), 'where they are late').toEqual(new Set(['lan:public']))
  const metrics = (await scraped(cluster, { from: 's2', of: 's2' })) ?? ''
  expect(metrics).toMatch(/^baton_heartbeat_late_beats_total\{peer="\w+",path="lan:public"\} [1-9]\d*$/m)
  expect(await cluster.do('s2', 'alerts')).toMatch(/late/)
}

clusterTest(
  'servers and witness tell a Prometheus server how they are, by HTTPS',
  {
    timing: calm,
    timeoutMs: 240_000,
    needs: ['promtool', 'tc'],
    more: { metrics: { listen: `0.0.0.0:${port}`, tls: true } },
  },
  async (cluster) => {
    const owner = await cluster.ownerOf('web')
    for (const of of cluster.voters) {
      const metrics = await until(() => scraped(cluster, { from: 's2', of }), settleMs, `${of} to answer`)
      expect(await objections(metrics), metrics).toBe('')
      const lines = metrics.split('\n')
      expect(lines).toContain(`baton_group_owner{group="web",server="${owner}"} 1`)
      expect(lines).toContain('baton_group_state{group="web",state="online"} 1')
      expect(lines).toContain('baton_voters_heard 3')
      expect(lines).toContain(`baton_lease_held ${of === 'w' ? 0 : 1}`)
      expect(metrics).toMatch(/^baton_heartbeat_beats_total\{peer="s\d",path="lan:public"\} \d+$/m)
    }
    await slowPublicNetwork(cluster)
    await cluster.powerOff('s1')
    await cluster.waitUntilOnline('web', 's2')
    const tells = async () => (await scraped(cluster, { from: 's2', of: 's2' }))?.split('\n') ?? []
    const isTold = async () => (await tells()).includes('baton_server_state{server="s1",state="down"} 1')
    await until(isTold, settleMs, 's2 to tell that s1 is down')
    expect(await tells()).toContain('baton_group_owner{group="web",server="s2"} 1')
  },
)
