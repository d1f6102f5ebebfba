/** H5: beats through a web witness, when the servers reach each other no other way. */
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { type Cluster, createCluster, settleMs } from './cluster.ts'
import { checked } from './cluster-test.ts'
import { quick, votersOf } from './configuration.ts'
import { baton } from './kits.ts'

const port = 29020

/** How long ago a server heard another one on a path, in ms; endless when it never did. */
const heardAgo = async (cluster: Cluster, server: string, peer: string, path: string): Promise<number> => {
  const status = await cluster.status(server)
  return status.peers.find(({ voter }) => voter === peer)?.paths[path] ?? Number.POSITIVE_INFINITY
}

/** Three times T: whoever is to be declared down has been by then. */
const longMs = 3000

describe('a web witness on a machine of its own', () => {
  liveTest(
    'keeps a server alive that is cut off from every other voter: it is not declared down, and its service runs on',
    { needs: ['lab', 'nats-server'], timeoutMs: 150_000 },
    async () => {
      await using lab = await createLab({ hosts: [...votersOf({}), 'web'] })
      const web = lab.host('web')
      const heartbeat = { ...quick, witness: { url: `http://${web.address.public}:${port}`, timeout: '300ms' } }
      const cluster = await createCluster(lab, { more: { heartbeat } })
      await checked(cluster, async () => {
        const key = join(cluster.host('s1').stateDirectory, 'kit', 'cluster.key')
        await web.spawn([baton, 'witness-web', '--cluster', 'live', '--key', key, '--http', `0.0.0.0:${port}`])
        await cluster.start()
        const hears = async (one: string, other: string) => (await heardAgo(cluster, one, other, 'witness')) < 1000
        await until(async () => (await hears('s1', 's2')) && (await hears('s2', 's1')), settleMs, 'beats by the web')
        for (const other of ['s2', 'w']) await lab.cut({ between: ['s1', other], network: 'both' })
        const isLong = async () =>
          (await heardAgo(cluster, 's2', 's1', 'lan:public')) > longMs &&
          (await heardAgo(cluster, 's2', 's1', 'nats')) > longMs
        await until(isLong, settleMs, 's2 to hear s1 on no network for long')
        expect(await hears('s2', 's1')).toBe(true)
        expect((await cluster.status('s1')).lease.held).toBe(true)
        expect(await cluster.events('ServerDeclaredDown', 's2')).toEqual([])
        expect(await cluster.ownerOf('web', 's2')).toBe('s1')
        await lab.heal()
        await cluster.waitUntilSettled()
      })
    },
  )
})
