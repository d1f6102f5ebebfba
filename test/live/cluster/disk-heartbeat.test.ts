/** A partition of a shared disk as a heartbeat path: prepared, read past the caches, and never believed when it is old. */
import { describe, expect, type TestContext } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { giveStateDisks, resumeStateDisk, stallStateDisk } from '../lab/state-disks.ts'
import { now, until } from '../lab/until.ts'
import { type Cluster, createCluster, settleMs } from './cluster.ts'
import { checked } from './cluster-test.ts'
import { quick } from './configuration.ts'
import { untilJudged } from './judged.ts'

const needs = { needs: ['lab', 'nats-server', 'losetup', 'mkfs.ext4'], timeoutMs: 150_000 } as const
const timeoutMs = 1000
/** Has the disk that both servers share, and can make it stand still. */
const store = 'store'

const diskTest = (
  name: string,
  body: (cluster: Cluster, device: string, context: TestContext) => Promise<void>,
  { fileSystem, canStall = false }: { readonly fileSystem?: 'ext4'; readonly canStall?: boolean } = {},
): void => {
  liveTest(name, needs, async (context) => {
    await using lab = await createLab({
      hosts: ['s1', 's2', 'w', ...(canStall ? [store] : [])],
      prepare: (hosts) => giveStateDisks(hosts.filter((host) => host.name === store)),
    })
    const where = canStall ? { directory: lab.host(store).stateDirectory } : {}
    const { device } = await lab.loopDevice({ sizeMiB: 32, ...where, ...(fileSystem ? { fileSystem } : {}) })
    const cluster = await createCluster(lab, {
      perServer: { s1: { diskHeartbeat: device }, s2: { diskHeartbeat: device } },
      more: {
        heartbeat: { ...quick, disk: { interval: '100ms' } },
        npResolution: { rule: 'all', disk: true, majority: true },
      },
    })
    await checked(cluster, () => body(cluster, device, context))
  })
}

const init = (cluster: Cluster, device: string, ...more: readonly string[]) =>
  cluster.baton('s1', ['disk-heartbeat', 'init', device, '--yes', ...more])

const diskAgo = async (cluster: Cluster, by: string, from: string): Promise<number | null> => {
  const { peers } = await cluster.status(by)
  return peers.find(({ voter }) => voter === from)?.paths.disk ?? null
}
const hearByDisk = (cluster: Cluster, by: string, from: string) =>
  until(
    async () => ((await diskAgo(cluster, by, from)) ?? Number.POSITIVE_INFINITY) < 500,
    settleMs,
    `${by} to hear ${from} by disk`,
  )

describe('a heartbeat disk', () => {
  diskTest(
    'is prepared only where nothing is lost, or by force',
    async (cluster, device) => {
      const refused = await init(cluster, device)
      expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('carries ext4') })
      await cluster.host('s1').ok(['sh', '-c', `mkdir -p /run/m && mount ${device} /run/m`])
      const busy = await init(cluster, device, '--force')
      expect(busy).toMatchObject({ code: 3, stderr: expect.stringContaining('mounted') })
      await cluster.host('s1').ok(['umount', '/run/m'])
      expect(await init(cluster, device, '--force')).toMatchObject({ code: 0 })
      const again = await init(cluster, device)
      expect(again).toMatchObject({ code: 3, stderr: expect.stringContaining('heartbeat disk of live already') })
      const other = await init(cluster, device, '--cluster', 'other')
      expect(other).toMatchObject({ code: 3, stderr: expect.stringContaining('of the cluster live') })
      const shown: unknown = JSON.parse(await cluster.do('s2', 'disk-heartbeat', 'show', device, '--json'))
      expect(shown).toMatchObject({ cluster: 'live', slots: [{ state: 'empty' }, { state: 'empty' }] })
      await cluster.start()
      await Promise.all([hearByDisk(cluster, 's1', 's2'), hearByDisk(cluster, 's2', 's1')])
    },
    { fileSystem: 'ext4' },
  )

  diskTest('is used as soon as it is prepared; nobody is held up before', async (cluster, device) => {
    await cluster.start()
    expect(await diskAgo(cluster, 's1', 's2')).toBeNull()
    // N4: what NP resolution makes of it.
    await untilJudged(cluster, 's1', 'unknown', 'disk: not known yet')
    expect(await init(cluster, device)).toMatchObject({ code: 0 })
    await Promise.all([hearByDisk(cluster, 's1', 's2'), hearByDisk(cluster, 's2', 's1')])
    await untilJudged(cluster, 's1', 'connected', 'disk: a peer is heard')
    expect(await cluster.do('s1', 'disk-heartbeat', 'show', device)).toMatch(/0 +s1 +beat \d+ of incarnation/)
  })

  diskTest(
    'that stands still is missed and said so, and holds nobody up; then it is used again',
    async (cluster, device) => {
      expect(await init(cluster, device)).toMatchObject({ code: 0 })
      await cluster.start()
      await Promise.all([hearByDisk(cluster, 's1', 's2'), hearByDisk(cluster, 's2', 's1')])
      const watch = await cluster.watch()
      const isSaid = (what: string) => async () =>
        (await Promise.all(cluster.servers.map((server) => cluster.logOf(server, 'agent')))).every((log) =>
          log.includes(what),
        )
      const isNoted = (type: 'PathLost' | 'PathRestored') => async () =>
        (await cluster.events(type)).filter(({ data }) => data.path === 'disk').length === 2
      await stallStateDisk(cluster.host(store))
      try {
        await until(isSaid('the heartbeat disk stalls'), settleMs, 'both to say that the disk stalls')
        await until(isNoted('PathLost'), settleMs, 'both to miss the other by disk')
        for (const server of cluster.servers) expect((await cluster.status(server)).lease.held).toBe(true)
      } finally {
        await resumeStateDisk(cluster.host(store))
      }
      await Promise.all([hearByDisk(cluster, 's1', 's2'), hearByDisk(cluster, 's2', 's1')])
      await until(isNoted('PathRestored'), settleMs, 'both to hear the other by disk again')
      expect(await isSaid('the heartbeat disk answers again')()).toBe(true)
      await watch.waitFor('s1', settleMs)
      expect(watch.lives()).toHaveLength(1)
      expect(await cluster.events('ServerDeclaredDown')).toEqual([])
    },
    { canStall: true },
  )

  diskTest('does not keep a dead server alive, however often its reader starts', async (cluster, device) => {
    expect(await init(cluster, device)).toMatchObject({ code: 0 })
    await cluster.start()
    await hearByDisk(cluster, 's2', 's1')
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await watch.waitFor('s2', settleMs)
    await untilJudged(cluster, 's2', 'connected', 'disk: it works here, and no peer writes on it')
    for (let start = 0; start < 2; start++) {
      await cluster.restartAgent('s2')
      const began = now()
      await until(async () => (await cluster.status('s2')).lease.held, settleMs, 's2 to have its lease back')
      await until(() => now() - began > 2 * timeoutMs, settleMs, 'many looks at the disk')
      const peer = (await cluster.status('s2')).peers.find(({ voter }) => voter === 's1')
      expect(peer).toMatchObject({ heardMsAgo: null, paths: { disk: null } })
    }
    expect(await cluster.do('s2', 'disk-heartbeat', 'show', device)).toMatch(/s1 +beat \d+/)
    await cluster.powerOn('s1')
    await hearByDisk(cluster, 's2', 's1')
    await cluster.waitUntilSettled()
  })
})

describe('the active server, with nothing left but its heartbeat disk', () => {
  diskTest('is not given up, and hands over when it is told to', async (cluster, device, context) => {
    expect(await init(cluster, device)).toMatchObject({ code: 0 })
    await cluster.start()
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await Promise.all([hearByDisk(cluster, 's1', 's2'), hearByDisk(cluster, 's2', 's1')])
    await cluster.lab.cut({ host: 's1', network: 'both' })
    const lan = async () =>
      (await cluster.status('s2')).peers.find(({ voter }) => voter === 's1')?.paths['lan:public'] ?? 0
    await until(async () => (await lan()) > 4 * timeoutMs, settleMs, 'the cut to have lasted')
    await until(async () => !(await cluster.status('s1')).log.reachable, settleMs, 's1 to have lost the log')
    expect((await cluster.status('s1')).lease).toMatchObject({ held: true })
    const asked = now()
    const said = await cluster.do('s1', 'server', 'hand-over', '--yes')
    await context.annotate(said.replaceAll('\n', ' | '))
    await watch.waitFor('s2', settleMs)
    const first = watch.atFloating.find(({ sentAt, banner }) => sentAt >= asked && banner.host === 's2')
    await context.annotate(`clients reached s2 ${((first?.at ?? now()) - asked).toFixed(0)} ms after it was asked for`)
    await cluster.lab.heal()
    await cluster.waitUntilSettled()
    expect(watch.lives()).toHaveLength(2)
  })
})
