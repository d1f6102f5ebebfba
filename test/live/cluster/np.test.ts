/** N1 and N2: groups of ping targets and web servers tell which side of a partition is cut off. */
import { describe } from 'vitest'
import type { Host } from '../lab/host.ts'
import { state } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { untilJudged } from './judged.ts'

const often = { interval: '200ms', timeout: '200ms' }
const witness = { interconnect: '10.77.1.13', public: '10.77.2.13' }

/** Answers every HEAD with this status; by HTTPS with the certificate of its kit. */
const serveOn = async (host: Host, port: number, status: number, scheme: 'http' | 'https' = 'http'): Promise<void> => {
  const pem = (name: string) => `require('node:fs').readFileSync('${kit}/${name}')`
  const options = scheme === 'https' ? `{ cert: ${pem('node.pem')}, key: ${pem('node.key')} }` : '{}'
  const answer = `(_, r) => { r.writeHead(${status}); r.end() }`
  const program = `require('node:${scheme}').createServer(${options}, ${answer}).listen(${port})`
  await host.spawn([process.execPath, '-e', program])
}
const kit = `${state}/kit`

describe('groups of ping targets', () => {
  const npResolution = {
    ping: { ...often, rule: 'all', groups: [[witness.public, '10.77.2.99'], [witness.interconnect]] },
  }
  clusterTest('of which all are needed: one that is lost is cut off', { more: { npResolution } }, async (cluster) => {
    await untilJudged(cluster, 's2', 'connected')
    await cluster.lab.cut({ host: 's2', network: 'public' })
    await untilJudged(cluster, 's2', 'cut-off')
    await untilJudged(cluster, 's1', 'connected')
    await cluster.lab.heal()
    await untilJudged(cluster, 's2', 'connected')
    await cluster.waitUntilSettled()
  })
})

describe('web servers', () => {
  const urls = [`http://${witness.public}:8081/`, `https://${witness.public}:8082/`]
  const npResolution = { http: { ...often, timeout: '400ms', urls, ca: `${kit}/ca.pem` } }
  clusterTest('that answer with trouble do not count', { more: { npResolution } }, async (cluster) => {
    await untilJudged(cluster, 's2', 'cut-off')
    await serveOn(cluster.host('w'), 8081, 503)
    await serveOn(cluster.host('w'), 8082, 404, 'https')
    await untilJudged(cluster, 's2', 'connected')
    await cluster.lab.cut({ host: 's2', network: 'public' })
    await untilJudged(cluster, 's2', 'cut-off')
    await untilJudged(cluster, 's1', 'connected')
    await cluster.lab.heal()
    await untilJudged(cluster, 's2', 'connected')
    await cluster.waitUntilSettled()
  })
})
