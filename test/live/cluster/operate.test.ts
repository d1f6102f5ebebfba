/** What operators do, and what the cluster does by itself while everything is well. */
import { describe, expect } from 'vitest'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { floating, otherFloating, webGroup } from './configuration.ts'

describe('a group', () => {
  clusterTest('is moved, stopped and started by hand', {}, async (cluster, context) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    expect(await cluster.do('s2', 'group', 'move', 'web', '--to', 's2')).toContain('done: web is online on s2')
    await watch.waitFor('s2', settleMs)
    await context.annotate(`clients waited ${watch.gap('s1', 's2')?.toFixed(0)} ms`)
    await cluster.do('w', 'status')
    expect((await cluster.baton('s1', ['group', 'move', 'web', '--to', 's3'])).code).toBe(3)
    await cluster.do('s1', 'group', 'stop', 'web')
    expect((await cluster.ownership('web'))?.status).toBe('stopped')
    await cluster.do('s1', 'group', 'start', 'web', '--on', 's2')
    await watch.waitFor('s2', settleMs)
    await cluster.do('s1', 'group', 'failover', 'web')
    await watch.waitFor('s1', settleMs)
    expect(watch.lives()).toHaveLength(4)
  })

  clusterTest(
    'goes home by itself when its failback is auto',
    { groups: { web: webGroup({ failback: 'auto' }) } },
    async (cluster) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      await cluster.powerOff('s1')
      await watch.waitFor('s2', settleMs)
      await cluster.powerOn('s1')
      await watch.waitFor('s1', settleMs)
      await cluster.waitUntilSettled()
      expect(watch.lives()).toHaveLength(3)
    },
  )
})

const two = (exclusion: string) => ({
  web: webGroup({ exclusion }, { name: 'web', address: floating }),
  mail: webGroup({ exclusion }, { name: 'mail', address: otherFloating }),
})

describe('two groups that exclude each other', () => {
  clusterTest(
    'normally: apart while they can be, together when they must',
    { groups: two('normal') },
    async (cluster) => {
      const [web, mail] = [await cluster.watch(), await cluster.watch({ address: otherFloating })]
      await web.waitFor('s1', settleMs)
      await mail.waitFor('s2', settleMs)
      await cluster.powerOff('s2')
      await mail.waitFor('s1', settleMs)
      expect(web.lives()).toHaveLength(1)
    },
  )

  clusterTest(
    'absolutely: the second one waits, and the cluster says why',
    { groups: two('absolute') },
    async (cluster) => {
      const [web, mail] = [await cluster.watch(), await cluster.watch({ address: otherFloating })]
      await web.waitFor('s1', settleMs)
      await mail.waitFor('s2', settleMs)
      await cluster.powerOff('s2')
      const waiting = await until(
        async () => (await cluster.status('s1')).state.groups.mail?.waiting,
        settleMs,
        'mail to wait',
      )
      expect(waiting.verdicts.map(({ because }) => because).join()).toContain('exclude each other absolutely')
      await cluster.powerOn('s2')
      await mail.waitFor('s2', settleMs)
      expect(web.lives()).toHaveLength(1)
    },
  )
})

/** A file on the server's own disk makes this script fail there. */
const unless = (file: string) => `! [ -e /var/lib/baton/${file} ]`

const withApplication = (application: object) => {
  const web = webGroup() as { resources: object }
  const resources = { ...web.resources, application: { type: 'exec', after: ['web-server'], ...application } }
  return { web: { ...web, resources } }
}

describe('a resource', () => {
  const application = { mode: 'run-to-end', start: unless('broken'), stop: 'true' }

  clusterTest(
    'that cannot start takes its whole group along',
    { groups: withApplication(application), isOff: true },
    async (cluster) => {
      await mark(cluster, 's1', 'broken')
      await cluster.start()
      const watch = await cluster.watch()
      await watch.waitFor('s2', settleMs)
      await cluster.waitUntilOnline('web', 's2')
      const why = await cluster.do('s2', 'why', 'web')
      expect(why).toMatch(/application/)
    },
  )

  clusterTest(
    'that cannot start anywhere leaves its group failed, with the reason',
    { groups: withApplication(application), isOff: true },
    async (cluster) => {
      for (const server of cluster.servers) await mark(cluster, server, 'broken')
      await cluster.start()
      const isFailed = async () => {
        const ownership = await cluster.ownership('web')
        return ownership?.status === 'assigned' && ownership.phase === 'failed' ? ownership : null
      }
      const { because } = await until(isFailed, settleMs, 'the group to have failed')
      expect(because).toContain('application')
      expect(await cluster.do('s1', 'why', 'web')).toMatch(/failed over 1 times|no other healthy server|limit/)
    },
  )

  const stubborn = { mode: 'run-to-end', start: 'true', stop: 'exec sleep 1000', deactivation: { timeout: '1s' } }
  clusterTest(
    'whose stop script hangs is ended after its time-out, and the group moves',
    { groups: withApplication(stubborn) },
    async (cluster) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      await cluster.do('s1', 'group', 'move', 'web', '--to', 's2')
      await watch.waitFor('s2', settleMs)
      const [failed] = await cluster.events('DeactivationFailed')
      expect(failed?.data).toMatchObject({ resource: 'application', stalled: true })
    },
  )
})

describe('a monitor', () => {
  const genw = {
    type: 'genw',
    script: unless('sick'),
    when: 'active',
    interval: '200ms',
    retries: 0,
    target: { group: 'web', resource: 'web-server' },
    recovery: { on: 'group', restarts: 1, failovers: 1, finalAction: 'stop-group' },
  }
  clusterTest('restarts, fails over and at last stops the group', { monitors: { health: genw } }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    for (const server of cluster.servers) await mark(cluster, server, 'sick')
    await until(async () => (await cluster.ownership('web'))?.status === 'stopped', settleMs, 'the group to be stopped')
    const actions = (await cluster.events('RecoveryStarted')).map(({ data }) => `${data.server} ${data.action}`)
    expect(actions.slice(0, 3)).toEqual(['s1 restart', 's1 failover', 's2 restart'])
    expect(actions.at(-1)).toMatch(/final$/)
  })

  clusterTest('can be made to fail for practice, and be suspended', { monitors: { health: genw } }, async (cluster) => {
    const watch = await cluster.watch()
    const { banner } = await watch.waitFor('s1', settleMs)
    await cluster.do('s1', 'monitor', 'fail', 'health', '--on', 's1')
    await watch.waitFor(({ instance }) => instance !== banner.instance, settleMs)
    await watch.waitFor('s2', settleMs)
    await cluster.do('s1', 'monitor', 'unfail', 'health')
    await cluster.waitUntilSettled()
    const lives = watch.lives().length
    await cluster.do('s1', 'monitor', 'suspend', 'health')
    await mark(cluster, 's2', 'sick')
    await cluster.do('s1', 'group', 'move', 'web', '--to', 's1')
    await cluster.do('s1', 'group', 'move', 'web', '--to', 's2')
    expect(watch.lives().length).toBeLessThanOrEqual(lives + 2)
    await cluster.do('s1', 'monitor', 'resume', 'health')
    await watch.waitFor('s1', settleMs)
  })
})

describe('the cluster', () => {
  clusterTest('does nothing by itself while it is suspended, and then makes up for it', {}, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.do('s1', 'cluster', 'suspend')
    await cluster.powerOff('s1')
    // Several times the time-out.
    await until(async () => (await heardAgo(cluster, 's2', 's1')) > 4000, settleMs, 's1 to be silent for long')
    await until(async () => (await cluster.status('s2')).log.reachable, settleMs, 'the log to be writable')
    expect(await cluster.ownerOf('web', 's2')).toBe('s1')
    await cluster.do('s2', 'cluster', 'resume')
    await watch.waitFor('s2', settleMs)
  })

  clusterTest('stops and starts, as a whole and server by server', {}, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.do('s1', 'cluster', 'stop', '--yes')
    expect((await cluster.ownership('web'))?.status).toBe('stopped')
    await cluster.do('s2', 'cluster', 'start')
    await watch.waitFor('s1', settleMs)
    await cluster.do('s2', 'server', 'stop', 's1', '--yes')
    await watch.waitFor('s2', settleMs)
    expect((await cluster.baton('s2', ['group', 'move', 'web', '--to', 's1'])).code).toBe(3)
    await cluster.do('s2', 'server', 'start', 's1')
    await cluster.waitUntilSettled()
    await cluster.do('s2', 'group', 'move', 'web', '--to', 's1')
    await watch.waitFor('s1', settleMs)
    expect(watch.lives()).toHaveLength(4)
  })
})

const mark = async (cluster: Cluster, server: string, file: string): Promise<void> => {
  await cluster.host(server).ok(['touch', `/var/lib/baton/${file}`])
}

const heardAgo = async (cluster: Cluster, by: string, who: string): Promise<number> => {
  const { peers } = await cluster.status(by)
  return peers.find(({ voter }) => voter === who)?.heardMsAgo ?? 0
}
