/** N1 and N2: groups of ping targets and web servers tell which side of a partition is cut off. */
import { describe } from 'vitest'
import type { Host } from '../lab/host.ts'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'

const often = { interval: '200ms', timeout: '200ms' }
const witness = { interconnect: '10.77.1.13', public: '10.77.2.13' }

const untilVerdict = async (cluster: Cluster, server: string, verdict: string): Promise<void> => {
  const says = async () => (await cluster.status(server)).partition?.verdict === verdict
  await until(says, settleMs, `${server} to be ${verdict}`)
}

/** Answers every HEAD with this status. */
const serveOn = async (host: Host, port: number, status: number): Promise<void> => {
  const program = `require('node:http').createServer((_, r) => { r.writeHead(${status}); r.end() }).listen(${port})`
  await host.spawn([process.execPath, '-e', program])
}

describe('groups of ping targets', () => {
  const npResolution = {
    ping: { ...often, rule: 'all', groups: [[witness.public, '10.77.2.99'], [witness.interconnect]] },
  }
  clusterTest('of which all are needed: one that is lost is cut off', { more: { npResolution } }, async (cluster) => {
    await untilVerdict(cluster, 's2', 'connected')
    await cluster.lab.cut({ host: 's2', network: 'public' })
    await untilVerdict(cluster, 's2', 'cut-off')
    await untilVerdict(cluster, 's1', 'connected')
    await cluster.lab.heal()
    await untilVerdict(cluster, 's2', 'connected')
    await cluster.waitUntilSettled()
  })
})

describe('web servers', () => {
  const urls = [`http://${witness.public}:8081/`, `http://${witness.public}:8082/`]
  const npResolution = { http: { ...often, timeout: '400ms', urls } }
  clusterTest('that answer with trouble do not count', { more: { npResolution } }, async (cluster) => {
    await untilVerdict(cluster, 's2', 'cut-off')
    await serveOn(cluster.host('w'), 8081, 503)
    await serveOn(cluster.host('w'), 8082, 404)
    await untilVerdict(cluster, 's2', 'connected')
    await cluster.lab.cut({ host: 's2', network: 'public' })
    await untilVerdict(cluster, 's2', 'cut-off')
    await untilVerdict(cluster, 's1', 'connected')
    await cluster.lab.heal()
    await untilVerdict(cluster, 's2', 'connected')
    await cluster.waitUntilSettled()
  })
})
