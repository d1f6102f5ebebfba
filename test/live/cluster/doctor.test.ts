/** `baton doctor` on a cluster that is well, and on one with deliberate faults. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { until } from '../lab/until.ts'
import { settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { calm } from './configuration.ts'
import { about, examine, problemsOf } from './diagnosis.ts'

describe('the doctor', () => {
  clusterTest('finds a cluster well but for its watchdog and disk', { timing: calm }, async (cluster, context) => {
    const whenWhole = async () => {
      const diagnosis = await examine(cluster, 's1')
      return about(diagnosis, 'log').level === 'ok' ? diagnosis : null
    }
    // A replica that has just begun, or whose machine is busy, is behind for a moment.
    const diagnosis = await until(whenWhole, settleMs, 'the log to be whole')
    const { stdout } = await cluster.baton('s1', ['doctor'])
    await context.annotate(stdout)
    for (const what of ['agent', 'guardian', 'log', 'log servers', 'nats-server', 'sync of the log', 'kit', 'keys'])
      expect(about(diagnosis, what), what).toMatchObject({ level: 'ok' })
    for (const name of ['s1', 's2', 'w']) {
      expect(about(diagnosis, 'versions').seen).toContain(name)
      expect(about(diagnosis, 'certificates of voters').seen).toContain(name)
    }
    expect(about(diagnosis, 'ports').level).toBe('ok')
    expect(about(diagnosis, 'certificate').level).toBe('ok')
    expect(about(diagnosis, 'watchdog')).toMatchObject({ level: 'warning' })
    expect(problemsOf(diagnosis)).toEqual([])
    expect(diagnosis.code).toBe(1)
    const witness = await examine(cluster, 'w')
    expect(about(witness, 'agent').seen).toContain('witness w')
  })

  clusterTest(
    'sees a key that others may read, a path that is cut, an agent that is away',
    { timing: calm },
    async (cluster) => {
      const { stateDirectory } = cluster.host('s2')
      await chmod(join(stateDirectory, 'kit', 'node.key'), 0o644)
      expect(about(await examine(cluster, 's2'), 'keys')).toMatchObject({ level: 'problem' })
      await cluster.lab.cut({ host: 's2', network: 'public' })
      const isSeen = async () => about(await examine(cluster, 's2'), 'paths to s1').level === 'warning' || null
      await until(isSeen, settleMs, 'the cut to be seen')
      await cluster.powerOff('s1')
      const after = async () => {
        const diagnosis = await examine(cluster, 's2')
        return about(diagnosis, 'voter s1').level === 'problem' ? diagnosis : null
      }
      const diagnosis = await until(after, settleMs, 's1 to be missed')
      expect(about(diagnosis, 'ports').level).toBe('problem')
      expect(about(diagnosis, 'log servers').seen).toContain('s1')
      expect(diagnosis.code).toBe(2)
    },
  )
})

describe('what only looks like a watchdog', () => {
  for (const [device, because] of [
    ['/dev/null', 'which the kernel does not know as a watchdog'],
    ['/var/lib/baton/plain', 'is no character device'],
    ['/dev/no-watchdog', 'cannot be found'],
  ] as const)
    clusterTest(
      `(${device}) is not armed, and where one is required no group starts`,
      { timing: calm, isOff: true, more: { watchdog: { device, required: true } } },
      async (cluster) => {
        for (const server of cluster.servers) {
          const { stateDirectory } = cluster.host(server)
          await mkdir(stateDirectory, { recursive: true })
          await writeFile(join(stateDirectory, 'plain'), '')
        }
        await Promise.all(cluster.voters.map((voter) => cluster.startAgent(voter)))
        const says = async () => {
          const status = await cluster.status('s1').catch(() => null)
          return status?.lease.because.includes(because) ? status : null
        }
        const status = await until(says, settleMs, 's1 to say why it holds no lease')
        expect(status.lease.held).toBe(false)
        expect(status.guardian.watchdog).toBe('none')
        expect(await cluster.ownerOf('web', 's1')).toBeNull()
        expect(about(await examine(cluster, 's1'), 'watchdog')).toMatchObject({ level: 'problem' })
      },
    )
})
