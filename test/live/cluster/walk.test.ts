/**
 * The state transitions that two servers with mirror disks are accepted by: twenty operations, and where every group is
 * after each. Terms of other products are these here:
 *
 * - to shut a server down: what baton-server.service does, `baton server stop`, and then the power, once what it has
 *   left is up elsewhere;
 * - automatic return: that unit is enabled, so `baton server start` follows the boot. Off: an operator says it, and
 *   until then the server is up and awaits its return: it takes management groups (t) alone;
 * - to shut the cluster down: `baton cluster stop`, then both servers. It stays stopped until `baton cluster start`;
 * - a group is started or stopped as it was last asked for; its startup attribute is looked at by `baton cluster start`
 *   alone. So for groups that are started by hand after step 14 an operator has stopped them there.
 */
import { expect } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { checked } from './cluster-test.ts'
import { type Places, served, WalkCluster } from './walk-cluster.ts'

const needs = ['lab', 'nats-server', 'postgres', 'pgbench', 'losetup', 'mkfs.ext4', 'fuse'] as const

const apart: Places = { a: 's1', b: 's2', t: 's1' }
const allOn = (server: string): Places => ({ a: server, b: server, t: server })
const nowhere: Places = { a: null, b: null, t: null }
const isBroughtUp = /s1 cannot take over a: its copy of mirror a\.md is not current yet, resync has \d+ %/
const isStale =
  /s1 cannot take [ab]: its copy of mirror [ab]\.md is stale since generation [0-9a-f]{8}: only s2 has every write/
const landsOnTheOther = new RegExp(`${isStale.source}.*s2 can: the same with that name, or with none`, 's')

liveTest(
  'two servers with mirror disks walk through their state transitions',
  { needs, timeoutMs: 600_000 },
  async (context) => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    await using walk = await WalkCluster.create(lab)
    await checked(walk.cluster, async () => {
      await createAndStop(walk)
      await leaveAndReturn(walk)
      await shutDownTogether(walk, 'steps 11 and 12')
      await shutDownOneAfterTheOther(walk)
      await shutDownTogether(walk, 'steps 19 and 20')
      await context.annotate(`acknowledged commits, all there: ${JSON.stringify(walk.committed)}`)
    })
  },
)

const createAndStop = async (walk: WalkCluster): Promise<void> => {
  await walk.start()
  await walk.arriveAt('step 1', apart)
  await walk.waitUntilWhole()
  const first = (await walk.cluster.events('MirrorResyncStarted')).map(({ data }) => `${data.mirror} ${data.copy}`)
  expect(first.toSorted()).toEqual(['a.md everything', 'b.md everything'])

  for (const group of served) await walk.do('s1', 'group', 'stop', group)
  await walk.arriveAt('step 2', { a: null, b: null, t: 's1' })
  for (const group of served) await walk.do('s1', 'group', 'start', group)
  await walk.arriveAt('step 3', apart)
  await walk.waitUntilWhole()
}

const leaveAndReturn = async (walk: WalkCluster): Promise<void> => {
  await walk.shutDown('s1')
  await walk.waitUntilStale('s1')
  await walk.arriveAt('step 4', allOn('s2'))
  const before6 = (await walk.resyncs()).length
  await walk.boot('s1')
  await walk.arriveAt('step 5', allOn('s2'))
  await walk.bringBack('s1')
  await walk.waitUntilWhole()
  await walk.arriveAt('step 6', allOn('s2'))
  await walk.expectDifferencesFrom('s2', before6)

  const leftBehind = { on: 's2', stale: 's1' }
  await walk.leaveBehind('a', leftBehind)
  await walk.bringUp('a', leftBehind)
  await walk.expectRefused(isBroughtUp, 's2', 'server', 'stop', 's2', '--yes')
  await walk.arriveAt('step 7, refused', allOn('s2'))
  await walk.waitUntilWhole()
  await walk.expectBulkCopied('a', leftBehind)
  await walk.shutDown('s2')
  await walk.waitUntilStale('s2')
  await walk.arriveAt('step 7', allOn('s1'))
  const before9 = (await walk.resyncs()).length
  await walk.boot('s2')
  await walk.arriveAt('step 8', allOn('s1'))
  await walk.bringBack('s2')
  await walk.waitUntilWhole()
  await walk.arriveAt('step 9', allOn('s1'))
  await walk.expectDifferencesFrom('s1', before9)

  await walk.do('s1', 'group', 'move', 'b', '--to', 's2')
  await walk.arriveAt('step 10', apart)
  await walk.waitUntilWhole()
}

/** Each copy is used again as it is: nothing is copied. */
const shutDownTogether = async (walk: WalkCluster, station: string): Promise<void> => {
  await walk.waitUntilWhole()
  const before = await walk.copying()
  const stopped = (await walk.cluster.events('ResourceDeactivated')).length
  await walk.do('s1', 'cluster', 'stop', '--yes')
  await walk.arriveAt(`${station}, stopped`, nowhere)
  const events = (await walk.cluster.events('ResourceDeactivated')).slice(stopped)
  for (const group of served) {
    const order = events.filter(({ data }) => data.group === group).map(({ data }) => String(data.resource))
    const services = [`${group}-database`, `${group}-server`]
    expect(order.toSorted()).toEqual([`${group}-address`, ...services, 'md'].toSorted())
    expect(order.slice(0, services.length).toSorted()).toEqual(services)
  }
  await walk.shutDown('s1')
  await walk.shutDown('s2')
  await walk.boot('s1', 's2')
  await walk.bringBack('s1', 's2')
  await walk.do('s1', 'cluster', 'start')
  await walk.arriveAt(`${station}, started`, apart)
  await walk.waitUntilWhole()
  expect(await walk.copying(), station).toEqual(before)
}

const shutDownOneAfterTheOther = async (walk: WalkCluster): Promise<void> => {
  await walk.shutDown('s1')
  await walk.waitUntilStale('s1')
  await walk.arriveAt('step 13', allOn('s2'))
  for (const group of served) await walk.do('s2', 'group', 'stop', group)
  await walk.shutDown('s2')
  await walk.expectAllDown({ current: 's2', stale: 's1', newest: 'step 13' })
  await walk.boot('s1', 's2')
  await walk.arriveAt('step 15', { a: null, b: null, t: 's1' })
  await walk.expectAwaiting('s1', 's2')
  await walk.bringBack('s1', 's2')
  await walk.arriveAt('step 16', { a: null, b: null, t: 's1' })

  const before17 = (await walk.resyncs()).length
  for (const group of served) {
    await walk.expectRefused(landsOnTheOther, 's1', 'group', 'start', group, '--on', 's1')
    await walk.do('s1', 'group', 'start', group)
  }
  await walk.arriveAt('step 17', { a: 's2', b: 's2', t: 's1' })
  await walk.waitUntilWhole()
  await walk.expectDifferencesFrom('s2', before17)

  await walk.do('s2', 'mirror', 'break', 'a.md')
  await walk.waitUntilStale('s1', 'a')
  await walk.expectRefused(isStale, 's1', 'group', 'move', 'a', '--to', 's1')
  await walk.do('s2', 'mirror', 'connect', 'a.md')
  await walk.waitUntilWhole()
  await walk.do('s1', 'group', 'move', 'a', '--to', 's1')
  await walk.arriveAt('step 18', apart)
}
