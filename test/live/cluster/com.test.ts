/** A serial cable beside the networks: it keeps a server alive that no network reaches, and lets it give its groups away. */
import { describe, expect, type TestContext } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { SerialCable } from '../lab/serial-cable.ts'
import { now, until } from '../lab/until.ts'
import { type Cluster, createCluster, settleMs } from './cluster.ts'
import { checked } from './cluster-test.ts'
import { quick, type Timing } from './configuration.ts'
import { untilJudged } from './judged.ts'

const needs = { needs: ['lab', 'nats-server', 'socat'], timeoutMs: 150_000 } as const
const timeoutMs = 1000
/** Of a cluster in which nobody is to be missed for as long as a test takes to ask. */
const longMs = 15_000

const cableTest = (
  name: string,
  body: (cluster: Cluster, cable: SerialCable, context: TestContext) => Promise<void>,
  { isConfigured = true, heartbeat = {} as Partial<Timing> } = {},
): void => {
  liveTest(name, needs, async (context) => {
    await using cable = await SerialCable.create()
    await using lab = await createLab({ hosts: ['s1', 's2', 'w'] })
    const cluster = await createCluster(lab, {
      perServer: isConfigured ? { s1: { com: cable.end(0) }, s2: { com: cable.end(1) } } : {},
      more: {
        heartbeat: { ...quick, ...heartbeat, com: { baudRate: 38_400 } },
        ...(isConfigured ? { npResolution: { com: true } } : {}),
      },
    })
    await checked(cluster, async () => {
      await cluster.start()
      await body(cluster, cable, context)
    })
  })
}

/** How long ago one server heard another on a path. */
const heardAgo = async (cluster: Cluster, by: string, from: string, path: string): Promise<number> => {
  const { peers } = await cluster.status(by)
  return peers.find(({ voter }) => voter === from)?.paths[path] ?? Number.POSITIVE_INFINITY
}
const hearByCable = (cluster: Cluster, by: string, from: string) =>
  until(async () => (await heardAgo(cluster, by, from, 'com')) < 500, settleMs, `${by} to hear ${from} by cable`)

/** Every network has been silent between two voters for several times T. */
const networksSilent = (cluster: Cluster, by: string, from: string) =>
  until(
    async () => (await heardAgo(cluster, by, from, 'lan:interconnect')) > 4 * timeoutMs,
    settleMs,
    'the cut to have lasted',
  )

describe('two servers with a serial cable', () => {
  cableTest('hear each other by it when every network between them is cut', async (cluster, _, context) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.lab.cut({ between: ['s1', 's2'], network: 'both' })
    await networksSilent(cluster, 's2', 's1')
    await Promise.all([hearByCable(cluster, 's1', 's2'), hearByCable(cluster, 's2', 's1')])
    // N4: the cable says that the other one lives.
    for (const server of ['s1', 's2']) await untilJudged(cluster, server, 'connected', 'com: a peer is heard')
    await watch.waitFor('s1', settleMs)
    expect(watch.lives()).toHaveLength(1)
    await cluster.lab.heal()
    await cluster.waitUntilSettled()
    expect(await cluster.events('ServerDeclaredDown')).toEqual([])
    // Of each path its own, by what the other one said of arrivals.
    const known = async () => {
      const times = (await cluster.status('s1')).peers.find(({ voter }) => voter === 's2')?.times ?? {}
      const paths = ['com', 'lan:interconnect', 'lan:public'].filter(
        (path) => typeof times[path]?.roundTripMs === 'number',
      )
      return paths.length === 3 ? times : null
    }
    await context.annotate(JSON.stringify(await until(known, settleMs, 'the round trips of all paths')))
    await context.annotate(await cluster.do('s1', 'status', '--paths'))
  })

  cableTest('go on by network when it is pulled, and say that it is lost and restored', async (cluster, cable) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await Promise.all([hearByCable(cluster, 's1', 's2'), hearByCable(cluster, 's2', 's1')])
    await cable.unplug()
    const said = async (type: 'PathLost' | 'PathRestored') =>
      (await cluster.events(type)).filter(({ data }) => data.path === 'com').length
    await until(async () => (await said('PathLost')) === 2, settleMs, 'both to say that the cable is lost')
    await cable.plug()
    await until(async () => (await said('PathRestored')) === 2, settleMs, 'both to say that it is back')
    expect(watch.lives()).toHaveLength(1)
    expect(await cluster.events('ServerDeclaredDown')).toEqual([])
  })
})

describe('a serial cable that is configured while the cluster runs', () => {
  const change = async (cluster: Cluster, how: (text: string) => string) => {
    const input = how(await cluster.do('s1', 'config', 'show'))
    await cluster.host('s1').ok(['sh', '-c', `cat >${place}`], { input })
    await cluster.do('s1', 'config', 'apply', place, '--yes')
  }
  const place = '/var/lib/baton/next.yaml'
  cableTest(
    'is used at once, and no more when it is configured no more, lost or not',
    async (cluster, cable) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      await change(cluster, (text) =>
        text
          .replace('"name": "s1",', `"name": "s1", "com": ${JSON.stringify(cable.end(0))},`)
          .replace('"name": "s2",', `"name": "s2", "com": ${JSON.stringify(cable.end(1))},`),
      )
      await Promise.all([hearByCable(cluster, 's1', 's2'), hearByCable(cluster, 's2', 's1')])
      await cable.unplug()
      const isLost = async () => (await cluster.do('s1', 'status')).includes('com')
      const lost = async () => (await cluster.events('PathLost')).filter(({ data }) => data.path === 'com').length
      await until(async () => (await lost()) === 2, settleMs, 'both to say that the cable is lost')
      expect(await isLost()).toBe(true)
      await change(cluster, (text) => text.replaceAll(/"com": "[^"]*",/g, ''))
      await until(async () => !(await isLost()), settleMs, 'the cable not to be missed any more')
      expect(watch.lives()).toHaveLength(1)
    },
    { isConfigured: false },
  )
})

describe('the active server, with nothing left but its serial cable', () => {
  cableTest('is not given up, and hands over when it is told to, without waiting', async (cluster, _, context) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.lab.cut({ host: 's1', network: 'both' })
    await networksSilent(cluster, 's2', 's1')
    await until(async () => !(await cluster.status('s1')).log.reachable, settleMs, 's1 to have lost the log')
    expect((await cluster.status('s1')).lease).toMatchObject({ held: true })
    expect(await cluster.ownerOf('web', 's2')).toBe('s1')
    const asked = now()
    const said = await cluster.do('s1', 'server', 'hand-over', '--yes')
    await context.annotate(said.replaceAll('\n', ' | '))
    expect(said).toMatch(/renounced/)
    expect(said).toMatch(/s2 took note/)
    await watch.waitFor('s2', settleMs)
    const first = watch.atFloating.find(({ sentAt, banner }) => sentAt >= asked && banner.host === 's2')
    await context.annotate(`clients reached s2 ${((first?.at ?? now()) - asked).toFixed(0)} ms after it was asked for`)
    const [down] = await cluster.events('ServerDeclaredDown', 's2')
    expect(down?.data.server).toBe('s1')
    expect((await cluster.status('s1')).lease).toMatchObject({ held: false })
    expect(await cluster.baton('s1', ['server', 'hand-over', '--yes'])).toMatchObject({ code: 3 })
    expect(watch.lives()).toHaveLength(2)
    await cluster.lab.heal()
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web')).toBe('s2')
    const refused = await cluster.baton('s1', ['server', 'hand-over', '--yes'])
    expect(refused.stderr).toMatch(/the log can be written/)
  })

  cableTest(
    'need not wait for the witness to miss it: who hears it passes its word on',
    async (cluster, _, context) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      await Promise.all([hearByCable(cluster, 's1', 's2'), hearByCable(cluster, 's2', 's1')])
      await cluster.lab.cut({ host: 's1', network: 'both' })
      const began = now()
      await until(async () => !(await cluster.status('s1')).log.reachable, settleMs, 's1 to have lost the log')
      await context.annotate((await cluster.do('s1', 'server', 'hand-over', '--yes')).replaceAll('\n', ' | '))
      await watch.waitFor('s2', settleMs)
      await context.annotate(`on s2 ${(now() - began).toFixed(0)} ms after the cut, T is ${longMs} ms`)
      const [down] = await cluster.events('ServerDeclaredDown', 's2')
      expect(down?.data.supports.toSorted((a, b) => a.voter.localeCompare(b.voter))).toEqual([
        { voter: 's2', reason: 'renounced' },
        { voter: 'w', reason: 'renounced' },
      ])
      await cluster.lab.heal()
      await cluster.waitUntilSettled()
    },
    { heartbeat: { timeout: `${longMs / 1000}s`, release: '2s' } },
  )
})
