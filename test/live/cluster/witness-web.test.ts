/** H5: beats through a web witness, by HTTPS, when the servers reach each other no other way. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { createAuthority, createNodeCertificate } from '../../../src/cli/create/certificates.ts'
import type { Host } from '../lab/host.ts'
import { createLab, type Lab } from '../lab/lab.ts'
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

/** Paths of PEM files: an administrator's own authority, and what it signed for this host. */
const certificatesFor = async (lab: Lab, { name, address }: Host) => {
  const authority = await createAuthority('web')
  const own = await createNodeCertificate(authority, { name, addresses: [address.public] })
  const at = (file: string) => join(lab.directory, file)
  const paths = { ca: at('web-ca.pem'), certificate: at('web.pem'), key: at('web.key') }
  await writeFile(paths.ca, authority.certificate)
  await writeFile(paths.certificate, own.certificate)
  await writeFile(paths.key, own.key, { mode: 0o600 })
  return paths
}

/** A lease that lasts several rounds by the web, on a busy machine too. */
const timing = { ...quick, timeout: '2s' }
/** More than twice T: whoever is to be declared down has been by then. */
const longMs = 5000

describe('a web witness on a machine of its own', () => {
  liveTest(
    'keeps a server alive that is cut off from every other voter: it is not declared down, and its service runs on',
    { needs: ['lab', 'nats-server'], timeoutMs: 150_000 },
    async () => {
      await using lab = await createLab({ hosts: [...votersOf({}), 'web'] })
      const web = lab.host('web')
      const { ca, certificate, key: tlsKey } = await certificatesFor(lab, web)
      const url = `https://${web.address.public}:${port}`
      const heartbeat = { ...timing, witness: { url, timeout: '300ms', ca } }
      const cluster = await createCluster(lab, { more: { heartbeat } })
      await checked(cluster, async () => {
        const key = join(cluster.host('s1').stateDirectory, 'kit', 'cluster.key')
        const command = [baton, 'witness-web', '--cluster', 'live', '--key', key, '--http', `0.0.0.0:${port}`]
        const kit = join(cluster.host('w').stateDirectory, 'kit')
        const foreign = ['--tls-certificate', join(kit, 'node.pem'), '--tls-key', join(kit, 'node.key')]
        const impostor = await web.spawn([...command, ...foreign])
        await cluster.start()
        const isRefused = async () => (await cluster.logOf('s1', 'agent')).includes('its certificate is not believed')
        await until(isRefused, settleMs, 's1 to refuse the certificate of somebody else')
        expect(await heardAgo(cluster, 's1', 's2', 'witness')).toBe(Number.POSITIVE_INFINITY)
        impostor.kill('SIGTERM')
        await impostor.exited
        await web.spawn([...command, '--tls-certificate', certificate, '--tls-key', tlsKey])
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
